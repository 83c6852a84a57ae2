"""Several networks that answer together, as one Keras model."""

from collections.abc import Sequence
from typing import Any

import keras


def ensemble_of(
    networks: Sequence[keras.Model], inputs: Any, name: str = "ensemble"
) -> keras.Model:
    """Returns a model that answers with the mean of several networks' outputs.

    It is a functional model, made of layers that Keras has: it can be saved,
    loaded and exported like any other.

    Args:
        networks: Built models with inputs and outputs alike. They become layers
            of the model, and get names of their own.
        inputs: Symbolic tensors like those that they take.
        name: String, the name of the model.

    Returns:
        A `keras.Model`.

    Source: Hansen and Salamon, "Neural network ensembles", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 12, 1990.
    """
    # Named as the network's own, where it knows them.
    input_names = iter([x.name for x in getattr(networks[0], "inputs", ())])
    x = keras.tree.map_structure(
        lambda like: keras.Input(
            batch_shape=(None, *like.shape[1:]),
            dtype=like.dtype,
            name=next(input_names, None),
        ),
        inputs,
    )
    answers = []
    for number, network in enumerate(networks):
        network.name = f"network_{number}"
        answers.append(network(x))
    names = iter(_output_names(networks[0], answers[0]))

    def mean(*outputs: Any) -> Any:
        if len(outputs) == 1:
            return outputs[0]
        dtype = outputs[0].dtype
        return keras.layers.Average(name=next(names), dtype=dtype)(outputs)

    outputs = keras.tree.map_structure(mean, *answers)
    return keras.Model(x, outputs, name=name)


def _output_names(network: keras.Model, outputs: Any) -> list[str]:
    """Names of outputs, by which `compile` may tell their losses apart."""
    count = len(keras.tree.flatten(outputs))
    names = getattr(network, "output_names", None)
    return list(names or (f"output_{number}" for number in range(count)))
