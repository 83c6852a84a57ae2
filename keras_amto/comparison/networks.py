"""The networks that the command line knows by name."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import keras

from keras_amto.applications import image_classifier
from keras_amto.comparison.data import DataSet

NAMES = ("mlp", "cnn", "mobilenet_v2", "squeezenet")


def network_for(
    name: str, data: DataSet, weights: str | None = None
) -> Callable[[], keras.Model]:
    """Returns the function that makes a network for some data.

    Args:
        name: One of `NAMES`, or `module:function` for a function of an input
            shape and a number of classes.
        data: The data, which say shape, range and classes.
        weights: Path of ImageNet weights without the top, for `mobilenet_v2`
            and `squeezenet`. Defaults to `None`, random ones.

    Raises:
        ValueError: if the name is unknown, or weights are given to a network
            that takes none.
    """
    shape = data.x.shape[1:]
    whole = data.x.dtype == "uint8"
    if name in ("mobilenet_v2", "squeezenet"):
        if len(shape) != 3 or shape[-1] != 3 or not whole:
            raise ValueError(
                f"The network {name!r} takes colour images of uint8. Received: "
                f"shape {shape}, {data.x.dtype}. Expected: (height, width, 3)."
            )
        return functools.partial(
            image_classifier, name, shape, data.classes, weights
        )
    if weights is not None:
        raise ValueError(
            f"The network {name!r} takes no weights. Received: {weights!r}. "
            "Expected: --weights with mobilenet_v2 or squeezenet alone."
        )
    if name in ("mlp", "cnn"):
        make_small = _mlp if name == "mlp" else _cnn
        return functools.partial(
            make_small, shape, data.classes, 1 / 255 if whole else 1.0
        )
    module, _, function = name.partition(":")
    if not function:
        raise ValueError(
            f"The network is unknown. Received: {name!r}. Expected: one of "
            f"{NAMES}, or module:function."
        )
    return functools.partial(
        getattr(importlib.import_module(module), function), shape, data.classes
    )


def _mlp(shape: Any, classes: int, scale: float) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Rescaling(scale),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


def _cnn(shape: Any, classes: int, scale: float) -> keras.Model:
    layers = [keras.Input(shape), keras.layers.Rescaling(scale)]
    for filters in (32, 64):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
        ]
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return keras.Sequential(layers)
