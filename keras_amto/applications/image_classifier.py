"""A pretrained network, made a classifier of photographs as they are."""

import os
import types
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
    """Puts preprocessing before a network of images, and a new top on it.

    The classifier takes RGB values in [0, 255], so whoever serves it has
    nothing to preprocess. Batch normalisation follows with a momentum of 0.9:
    of ImageNet's statistics, Keras' 0.999 would still hold half after 700
    steps.

    Args:
        name: `"squeezenet"` (version 1.1), or the name of any network in
            `keras.applications`, such as `"MobileNetV2"`; capitals and
            underscores do not count.
        input_shape: Height, width and 3 channels.
        classes: Integer, the number of classes.
        weights: Path of ImageNet weights without the top, `"imagenet"` to let
            Keras download them, or `None` for random weights.

    Returns:
        A `keras.Model` that answers with probabilities.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there is no such network or no such file, or if the
            network does not take the shape or the weights.

    Example:

    >>> network = image_classifier("mobilenet_v2", (32, 32, 3), classes=7)
    >>> network.output_shape
    (None, 7)
    """
    make, preprocess = _network(
        check_text("name", name, "the name of a network")
    )
    check_image_shape(input_shape, minimum=1)
    classes = check_integer("classes", classes, 1)
    is_squeezenet = make is squeezenet.SqueezeNet
    if weights is not None:
        weights = check_path("weights", weights)
    if weights is not None and weights != "imagenet":
        if not os.path.isfile(weights):
            raise ValueError(
                f"There is no file of weights. Received: weights={weights!r}. "
                "Expected: the path of a file."
            )
        if is_squeezenet and weights.endswith((".pt", ".pth")):
            preprocess = _as_torchvision
    try:
        base = make(
            input_shape=input_shape,
            include_top=False,
            pooling=None if is_squeezenet else "avg",
            weights=weights,
        )
    except (KeyError, OSError) as error:  # of h5py
        raise ValueError(
            f"The weights cannot be read: {error}. Received: {weights!r}. "
            f"Expected: ImageNet weights of {name} without the top."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"The network {name!r} cannot be made: {error} "
            f"Received: input_shape={input_shape}, weights={weights!r}. "
            "Expected: a shape and weights that it takes."
        ) from error
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    inputs = keras.Input(input_shape)
    x = base(preprocess(inputs))
    if is_squeezenet:
        # As its own top does. Behind the pooling it would hide half of what an
        # image has, rather than half of what each place in it has.
        x = keras.layers.Dropout(0.5)(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def _as_torchvision(x: Any) -> Any:
    return squeezenet.preprocess_input(x, mode="torch")


def _network(
    name: str,
) -> tuple[Callable[..., keras.Model], Callable[..., Any]]:
    """A network's function, and what its inputs go through."""
    wanted = _plain(name)
    if wanted == "squeezenet":
        return squeezenet.SqueezeNet, squeezenet.preprocess_input
    known = {
        _plain(each): each
        for each, value in vars(keras.applications).items()
        if callable(value)
    }
    if wanted not in known:
        raise ValueError(
            f"There is no such network. Received: name={name!r}. Expected: "
            f"squeezenet, or one of {sorted(known.values())}."
        )
    public = known[wanted]
    for module in vars(keras.applications).values():
        if isinstance(module, types.ModuleType) and hasattr(module, public):
            preprocess = module.preprocess_input
            break
    else:  # MobileNetV3, which has its preprocessing inside
        preprocess = _unchanged
    return getattr(keras.applications, public), preprocess


def _unchanged(x: Any) -> Any:
    return x


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
