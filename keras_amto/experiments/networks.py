"""Networks by name, for `train` and for `compare`."""

import importlib
import os
import zipfile
from typing import Any

import keras

from keras_amto.applications import image_classifier
from keras_amto.arguments import check_optional_integer
from keras_amto.model import AMTOModel

Path = str | os.PathLike[str]


def make_network(
    name: str,
    input_shape: tuple[int, ...],
    classes: int,
    weights: Path | None = None,
    dtype: Any = "uint8",
) -> keras.Model:
    """Makes a classifier whose preprocessing is inside.

    Args:
        name: `"mlp"`, `"cnn"`, a name that `image_classifier` knows, the path
            of a `.keras` file, or `module:function` for a function of
            `input_shape` and `classes`.
        input_shape: Tuple of integers.
        classes: Integer.
        weights: As in `image_classifier`, for its networks only.
        dtype: The type of the inputs; uint8 is in [0, 255], floats are in
            [0, 1]. Defaults to `"uint8"`.
    """
    is_own = name.endswith(".keras") or ":" in name or name in ("mlp", "cnn")
    if is_own and weights is not None:
        raise ValueError(
            f"The network {name!r} takes no weights. Received: "
            f"weights={os.fspath(weights)!r}. Expected: None; a .keras "
            "file has weights of its own."
        )
    if name.endswith(".keras"):
        return _load_file(name, classes)
    if ":" in name:
        module, _, function = name.partition(":")
        make: Any = getattr(importlib.import_module(module), function, None)
        if not callable(make):
            raise ValueError(
                f"There is no such function. Received: {name!r}. "
                "Expected: module:function, of input_shape and classes."
            )
        network: keras.Model = make(input_shape, classes)
        return network
    if is_own:
        scale = 1 / 255 if dtype == "uint8" else 1.0
        layers = {"mlp": _mlp_layers, "cnn": _cnn_layers}[name]()
        return keras.Sequential(
            [
                keras.Input(input_shape),
                keras.layers.Rescaling(scale),
                *layers,
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dense(classes, activation="softmax"),
            ]
        )
    if len(input_shape) != 3 or input_shape[-1] != 3 or dtype != "uint8":
        raise ValueError(
            f"A network of the name {name!r} takes colour images of uint8. "
            f"Received: inputs of shape {input_shape} and {dtype}. Expected: "
            "(height, width, 3); or 'mlp', 'cnn' or module:function."
        )
    return image_classifier(name, input_shape, classes, weights)


def image_size_of(name: str, image_size: int | None = None) -> int:
    """Returns how many pixels a side the images of a network have.

    That is `image_size`, or what a `.keras` file takes, else 224. Raises a
    ValueError if there is no such file, or it takes other images.
    """
    check_optional_integer("image_size", image_size)
    if not name.endswith(".keras"):
        return image_size or 224
    shape = getattr(_load_file(name), "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 3:
        raise ValueError(
            f"The network does not take colour images. Received: {name!r} with "
            f"input shape {shape}. Expected: (None, height, width, 3)."
        )
    size: int = image_size or shape[1] or 224
    if {shape[1], shape[2]} - {size, None}:
        raise ValueError(
            f"The network takes images of another size. Received: {name!r} "
            f"with input shape {shape}. Expected: {size} pixels a side."
        )
    return size


def _load_file(path: str, classes: int | None = None) -> keras.Model:
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"There is no such Keras file. Received: {path!r}. "
            "Expected: a file written by `keras.Model.save`."
        )
    network = keras.models.load_model(path, compile=False)
    if isinstance(network, AMTOModel):
        network = network.best_model
    if classes is not None and network.output_shape != (None, classes):
        raise ValueError(
            f"The network has other classes. Received: {path!r} with output "
            f"shape {network.output_shape}. Expected: (None, {classes}), the "
            "classes of the data."
        )
    return network


def _mlp_layers() -> list[keras.layers.Layer]:
    return [
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.2),
    ]


def _cnn_layers() -> list[keras.layers.Layer]:
    layers = []
    for filters in (32, 64):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
        ]
    return [*layers, keras.layers.Flatten(), keras.layers.Dropout(0.3)]
