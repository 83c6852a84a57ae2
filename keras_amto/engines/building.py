"""Building a user's model, and trying it on a batch of the data."""

import contextlib
import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.engines.out_of_memory import is_out_of_memory
from keras_amto.engines.variables import to_numpy


def build_network(model: keras.Model, sample: Any) -> None:
    """Builds a model from a batch of data, where it is not built yet.

    A subclassed model may call itself built while its layers are not, as after
    `model.build(input_shape)` without a `build` of its own: then they are.

    Raises:
        ValueError: if the model cannot be called on the data.
    """
    if _is_built(model):
        return
    try:
        # As Keras does: a call with values would count as one, in a model that
        # counts them.
        _call(model, symbolic(sample.x, sample.size))
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, sample.x)
        raise ValueError(
            f"The model {model.name!r} is not built and cannot be built from "
            f"the data: {error} "
            f"Received: x with batches of shape {shapes}. "
            "Expected: a model that accepts such inputs."
        ) from error


def symbolic(x: Any, batch_size: int | None = None) -> Any:
    """Returns symbolic tensors like samples, in their structure.

    Args:
        x: Structure of arrays.
        batch_size: Integer, their first dimension. Defaults to `None`, any.
    """

    def like(array: npt.NDArray[Any]) -> keras.KerasTensor:
        is_text = array.dtype.kind in "OSU"
        dtype = "string" if is_text else str(array.dtype)
        return keras.KerasTensor((batch_size, *array.shape[1:]), dtype)

    return keras.tree.map_structure(like, x)


def _is_built(layer: keras.Layer) -> bool:
    return layer.built and all(
        _is_built(inner) for inner in getattr(layer, "layers", ())
    )


def refuse_misfit(model: keras.Model, sample: Any) -> None:
    """Raises where a built model does not take the data.

    Args:
        model: The model.
        sample: A batch of the data, as `IndexedData`.

    Raises:
        ValueError: if the model cannot be called on it.
    """
    try:
        with warnings.catch_warnings(), unchanged(model):
            warnings.simplefilter("ignore")  # the error says it
            answers = answer(model, sample)
            keras.tree.map_structure(keras.ops.convert_to_numpy, answers)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        like = keras.tree.map_structure(
            lambda leaf: f"{leaf.dtype}{list(leaf.shape[1:])}", sample.x
        )
        raise ValueError(
            f"The data do not fit the model {model.name!r}: {error} "
            f"Received: samples of x like {like}. "
            f"Expected: inputs like {getattr(model, 'input_shape', 'its own')}."
        ) from error


def build_metrics(model: keras.Model, sample: Any) -> None:
    """Makes a model's compiled metrics, which `keras.Model.fit` leaves made.

    Callbacks look them up, even on a model that trains by its clones.

    Args:
        model: The compiled model.
        sample: A batch of the data, as `IndexedData`.
    """
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        return  # Keras reduces the logs of its replicas, in a graph alone
    one = sample.batch(np.arange(1))
    x, y, sample_weight = keras.tree.map_structure(
        lambda leaf: (
            None if leaf is None else keras.ops.convert_to_tensor(leaf)
        ),
        (one.x, one.y, one.sample_weight),
    )
    eagerly, model.run_eagerly = model.run_eagerly, True  # no trace for this
    try:
        with unchanged(model):
            # Its own step: that may make other targets than `y`.
            model.test_on_batch(x, y, sample_weight)
    finally:
        model.run_eagerly = eagerly
        model.test_function = None
    model.reset_metrics()


@contextlib.contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Undoes what calls change in a model: counters and seed generators."""
    kept = [(v, to_numpy(v)) for v in model.variables if not v.trainable]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def answer(model: keras.Model, sample: Any) -> Any:
    """Returns what a model answers to the first sample of a batch."""
    x = keras.tree.map_structure(
        keras.ops.convert_to_tensor, sample.batch(np.arange(1)).x
    )
    return _call(model, x)


def _call(model: keras.Model, x: Any) -> Any:
    if "training" in inspect.signature(model.call).parameters:
        return model(x, training=False)
    return model(x)
