"""Building a user's model, and trying it on a batch of the data."""

import contextlib
import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.engines.errors import explained
from keras_amto.engines.variables import to_numpy


def build_network(model: keras.Model, sample: Any) -> None:
    """Builds a model from a batch of data, where it is not built yet.

    A subclassed model may call itself built while its layers are not, as after
    `model.build(input_shape)` without a `build` of its own: then they are.

    Raises:
        ValueError: if the model cannot be called on the data.
    """
    if all(layer.built for layer in _layers_of_models(model)):
        return
    shapes = keras.tree.map_structure(np.shape, sample.x)
    with explained(
        f"The model {model.name!r} is not built and cannot be built from the "
        "data",
        f"x with batches of shape {shapes}",
        "a model that accepts such inputs",
    ):
        # As Keras does: a call with values would count as one, in a model that
        # counts them.
        call(model, symbolic(sample.x, sample.size), training=False)


def symbolic(x: Any, batch_size: int | None = None) -> Any:
    """Returns symbolic tensors like samples, in their structure."""

    def like(array: npt.NDArray[Any]) -> keras.KerasTensor:
        is_text = array.dtype.kind in "OSU"
        dtype = "string" if is_text else str(array.dtype)
        return keras.KerasTensor((batch_size, *array.shape[1:]), dtype)

    return keras.tree.map_structure(like, x)


def refuse_misfit(model: keras.Model, sample: Any) -> None:
    """Raises `ValueError` where a built model does not take a batch's `x`."""
    like = keras.tree.map_structure(
        lambda leaf: f"{leaf.dtype}{list(leaf.shape[1:])}", sample.x
    )
    with (
        explained(
            f"The data do not fit the model {model.name!r}",
            f"samples of x like {like}",
            f"inputs like {getattr(model, 'input_shape', 'its own')}",
        ),
        warnings.catch_warnings(),
        unchanged(model),
    ):
        warnings.simplefilter("ignore")  # the error says it
        answer(model, sample)


def build_metrics(model: keras.Model, sample: Any) -> None:
    """Makes a model's compiled metrics, which `keras.Model.fit` leaves made.

    Callbacks look them up, even on a model that trains by its clones.
    """
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        return  # Keras reduces the logs of its replicas, in a graph alone
    with unchanged(model):
        evaluate_once(model, sample.sample(1))
    model.reset_metrics()


def evaluate_once(model: keras.Model, sample: Any) -> Any:
    """Returns the logs of a batch; only then do metrics have variables."""
    # By its own step, which may make other targets than `y`.
    if keras.config.backend() == "tensorflow":
        # Eagerly: one small batch is cheaper than a trace that is used once.
        batch = keras.tree.map_structure(
            keras.ops.convert_to_tensor, sample.arrays
        )
        return model.distribute_strategy.run(model.test_step, args=(batch,))
    return model.test_on_batch(
        sample.x, sample.y, sample.sample_weight, return_dict=True
    )


@contextlib.contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Undoes what calls change in a model: counters and seed generators."""
    kept = [(v, to_numpy(v)) for v in model.variables if not v.trainable]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def nested_layers(
    layer: keras.Layer, outer: tuple[keras.Layer, ...] = ()
) -> Iterator[keras.Layer]:
    """Yields a layer or model and all layers in it, outer ones first.

    `outer` are the layers that it lies in, one of which it may know.
    """
    yield layer
    if isinstance(layer, keras.Model):
        inner = layer.layers
    else:  # which has no such property, but holds layers as a model does
        inner = keras.Model.layers.fget(layer)
    for each in inner:
        if not any(each is known for known in (*outer, layer)):
            yield from nested_layers(each, (*outer, layer))


def _layers_of_models(layer: Any) -> Iterator[keras.Layer]:
    """The same without layers in layers, which may never be called."""
    yield layer
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from _layers_of_models(inner)


def steps_eagerly(
    network: keras.Model, run_eagerly: bool, jit_compile: bool | str
) -> bool:
    """Says whether Keras would run the steps of a network uncompiled.

    On JAX also without `jit_compile`, which `"auto"` is where no layer refuses
    it; on TensorFlow steps are then graphs all the same.
    """
    if keras.config.backend() != "jax":
        return run_eagerly
    if jit_compile == "auto":
        layers = nested_layers(network)
        jit_compile = all(layer.supports_jit for layer in layers)
    return run_eagerly or not jit_compile


def answer(model: keras.Model, sample: Any) -> list[npt.NDArray[Any]]:
    """Returns what a model answers to the first sample of a batch."""
    x = keras.tree.map_structure(
        keras.ops.convert_to_tensor, sample.sample(1).x
    )
    outputs = keras.tree.flatten(call(model, x, training=False))
    return list(map(keras.ops.convert_to_numpy, outputs))


def call(model: keras.Model, x: Any, training: bool) -> Any:
    """Calls a model, whose own `call` need not take `training`."""
    if "training" in inspect.signature(model.call).parameters:
        return model(x, training=training)
    return model(x)
