"""One network from several: the average of their weights."""

from collections.abc import Iterator
from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.comparison.experiment import Array

Weights = Sequence[npt.NDArray[np.generic]]


def average_weights(members: Sequence[Weights]) -> list[Array]:
    """Returns the mean of each weight; whole numbers are the first member's.

    Args:
        members: The weights of each network, in one order.
    """
    return [
        np.mean(values, axis=0, dtype=np.float64).astype(values[0].dtype)
        if np.issubdtype(values[0].dtype, np.floating)
        else values[0]
        for values in zip(*members, strict=True)
    ]


def reestimate_normalization(
    model: keras.Model, x: Array, batch_size: int
) -> int:
    """Estimates the statistics of batch normalisation anew, from data.

    Averaged weights lead to other activations than any of the networks had, so
    the averages of their statistics are wrong. Each layer's statistics become
    the means over full batches, passed through as in training. Layers that are
    frozen keep theirs: they normalise by them in training as well.

    Args:
        model: A network, changed in place.
        x: Array of inputs.
        batch_size: Integer.

    Returns:
        The number of layers that were estimated anew.
    """
    layers = list(_normalizations(model))
    if not layers:
        return 0
    batch_size = min(batch_size, len(x))
    momenta = [layer.momentum for layer in layers]
    try:
        for number in range(len(x) // batch_size):
            for layer in layers:
                # After n batches a weight of 1 / n each.
                layer.momentum = number / (number + 1)
            batch = x[number * batch_size : (number + 1) * batch_size]
            model(keras.ops.convert_to_tensor(batch), training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return len(layers)


def _normalizations(
    layer: keras.layers.Layer,
) -> Iterator[keras.layers.BatchNormalization]:
    if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        yield layer
    for each in getattr(layer, "layers", ()):
        yield from _normalizations(each)
