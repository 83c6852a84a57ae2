"""Pretrained networks as classifiers of unprocessed photographs."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

import keras

from keras_amto.applications import squeezenet
from keras_amto.applications.checks import check_image_shape
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.arguments import check_text


def image_classifier(
    name: str,
    input_shape: tuple[int, int, int],
    classes: int,
    weights: str | os.PathLike[str] | None = None,
) -> keras.Model:
    """Adds preprocessing and a new top to an image network.

    The classifier takes RGB values in [0, 255], so inputs need no
    preprocessing. Batch normalisation gets a momentum of 0.9: with Keras' 0.999
    half of ImageNet's statistics would remain after 700 steps.

    Args:
        name: `"squeezenet"` (version 1.1), or the name of any network in
            `keras.applications`, such as `"MobileNetV2"`, whatever its case and
            underscores.
        input_shape: Height, width and 3 channels.
        classes: Integer, the number of classes.
        weights: Path of ImageNet weights without the top, `"imagenet"` to let
            Keras download them, or `None` for random weights.

    Returns:
        A `keras.Model` that returns probabilities.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there is no such network or no such file, or if the
            network does not take the shape or the weights.

    Example:

    >>> network = image_classifier("mobilenet_v2", (32, 32, 3), classes=7)
    >>> network.output_shape
    (None, 7)
    """
    name = check_text("name", name, "the name of a network")
    make, preprocess = _network(name)
    check_image_shape(input_shape, minimum=1)
    classes = check_integer("classes", classes, 1)
    if weights is not None:
        weights = check_path("weights", weights)
    is_squeezenet = make is squeezenet.SqueezeNet
    if is_squeezenet and weights and weights.endswith((".pt", ".pth")):
        preprocess = functools.partial(preprocess, mode="torch")
    try:
        base = make(
            input_shape=input_shape,
            include_top=False,
            pooling=None if is_squeezenet else "avg",
            weights=weights,
        )
    except (KeyError, OSError, ValueError) as error:  # of h5py and Keras
        raise ValueError(
            f"The network {name!r} cannot be built: {error} "
            f"Received: input_shape={input_shape}, weights={weights!r}. "
            "Expected: a shape that it takes, and None or the path of ImageNet "
            "weights without the top."
        ) from error
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    inputs = keras.Input(input_shape)
    x = base(preprocess(inputs))
    if is_squeezenet:
        # As its own top does. After the pooling, dropout would hide half of an
        # image's features, rather than half of those at each position.
        x = keras.layers.Dropout(0.5)(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def _network(
    name: str,
) -> tuple[Callable[..., keras.Model], Callable[..., Any]]:
    """Returns a network's function and its preprocessing."""
    wanted = _plain(name)
    if wanted == "squeezenet":
        return squeezenet.SqueezeNet, squeezenet.preprocess_input
    public = vars(keras.applications)
    known = {_plain(each): each for each in public if callable(public[each])}
    if wanted not in known:
        raise ValueError(
            f"There is no such network. Received: name={name!r}. Expected: "
            f"squeezenet, or one of {sorted(known.values())}."
        )
    network = known[wanted]
    for module in public.values():
        if inspect.ismodule(module) and hasattr(module, network):
            return public[network], module.preprocess_input
    # MobileNetV3, which preprocesses by itself.
    return public[network], lambda x: x


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
