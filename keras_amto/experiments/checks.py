"""Checks of the data and the network of a comparison."""

from typing import Any

import keras
import numpy as np

from keras_amto.arguments import check_no_arguments
from keras_amto.arguments import wrong_type
from keras_amto.engines import refuse_misfit
from keras_amto.tasks import IndexedData


def check_samples(x: Any, y: Any, label: str = "") -> None:
    """Raises unless `x` and `y` are arrays of finite inputs and of classes.

    `label` is put before the names in messages.
    """
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray):
            expected = "a NumPy array of inputs and one of classes"
            raise wrong_type(f"{label}{name}", array, "a NumPy array", expected)
    if y.ndim != 1 or x.ndim < 1 or len(x) != len(y) or not len(x):
        raise ValueError(
            f"Inputs and classes of `{label}x` and `{label}y` do not belong "
            f"together. Received: shapes {x.shape} and {y.shape}. "
            "Expected: (n, ...) and (n,), n at least 1."
        )
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise ValueError(
            f"`{label}y` holds no class indices. Received: {y.dtype} like "
            f"{y[:1]}. Expected: integers from 0."
        )
    if x.dtype.kind in "OSU":
        raise ValueError(
            f"`{label}x` holds text or Python objects. "
            f"Received: {x.dtype}. Expected: numbers."
        )
    if x.dtype.kind == "f" and not np.isfinite([x.min(), x.max()]).all():
        raise ValueError(
            f"`{label}x` holds NaN or infinity. "
            f"Received: values from {x.min()} to {x.max()}. "
            "Expected: finite numbers."
        )


def check_function(network: Any) -> None:
    """Raises a TypeError unless `network` is a function without arguments."""
    if not callable(network) or isinstance(network, keras.Model):
        raise wrong_type(
            "network",
            network,
            "a function, and every arm needs a fresh network",
            "a function without arguments that returns a Keras model",
        )
    check_no_arguments("network", network)


def build(network: Any, x: Any) -> keras.Model:
    """Returns what a user's function has made, built for some inputs.

    Raises unless it is a Keras model with one output for each class.
    """
    if not isinstance(network, keras.Model):
        raise wrong_type(
            "network",
            network,
            "a function that returns a Keras model",
            "a function without arguments that returns a Keras model",
        )
    try:
        if not network.built:
            network.build((None, *x.shape[1:]))
        shape = network.output_shape
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"`network` returns a model that cannot be built: {error} "
            f"Received: samples of shape {x.shape[1:]}. "
            "Expected: a model that accepts them."
        ) from error
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ValueError(
            "`network` returns a model that is not a classifier. "
            f"Received: outputs of shape {shape}. "
            "Expected: one probability for each class, (None, classes)."
        )
    return network


def check_fit(network: keras.Model, x: Any, y: Any, label: str = "") -> None:
    """Raises a ValueError if a network does not accept some samples."""
    classes, largest = network.output_shape[-1], int(y.max())
    if classes <= largest:
        raise ValueError(
            f"The `network` has too few outputs for `{label}y`. "
            f"Received: {classes} outputs, and the class {largest}. "
            f"Expected: at least {largest + 1} outputs."
        )
    try:
        refuse_misfit(network, IndexedData(x[:1], y[:1]))
    except ValueError as error:
        raise ValueError(
            f"The `network` does not accept `{label}x`. {error}"
        ) from error
