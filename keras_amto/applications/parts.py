"""What the functions that build networks have in common."""

import os
import warnings
from typing import Any

import keras

from keras_amto.applications.checks import check_activation
from keras_amto.applications.checks import check_image_shape
from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_choice
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_name
from keras_amto.arguments import check_path
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value

POOLINGS = {
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


def check_network(
    what: str,
    include_top: bool,
    weights: str | os.PathLike[str] | None,
    pooling: str | None,
    classes: int,
    classifier_activation: Any,
    name: str | None,
) -> str | None:
    """Checks arguments of `keras.applications`; returns the weights' path.

    `what` is whose weights a file is to hold.
    """
    check_boolean("include_top", include_top)
    if pooling is not None:
        check_choice("pooling", pooling, POOLINGS)
        if include_top:
            raise ValueError(
                "`pooling` applies only without the top. "
                f"Received: pooling={pooling!r}, include_top=True. "
                "Expected: None, or include_top=False."
            )
    check_integer("classes", classes, 1)
    check_activation("classifier_activation", classifier_activation)
    check_name(name)
    if weights is None:
        return None
    path = check_path("weights", weights)
    if not os.path.isfile(path):
        expected = f"None, or the path of a file of {what}'s weights"
        raise wrong_value("weights", weights, "is not a file", expected)
    return path


def image_input(
    tensor: Any,
    shape: tuple[int | None, ...] | None,
    minimum: int,
    side: int | None,
) -> Any:
    """Returns the input of a network, by default of so many pixels a side."""
    last = keras.config.image_data_format() == "channels_last"
    if shape is not None:
        shape = check_image_shape(shape, minimum, last)
    if tensor is None:
        default = (side, side, 3) if last else (3, side, side)
        return keras.Input(shape or default)
    if not isinstance(tensor, keras.KerasTensor):
        kind = "a Keras tensor"
        raise wrong_type("input_tensor", tensor, kind, f"{kind} of images")
    given = check_image_shape(
        tensor.shape[1:], minimum, last, "input_tensor", any_channels=True
    )
    if shape not in (None, given):
        raise ValueError(
            "`input_tensor` and `input_shape` contradict each other. "
            f"Received: {given} and {shape}. Expected: only one of them."
        )
    return tensor


def is_small(images: Any) -> bool:
    """Returns whether images are too small to be halved in the first layers.

    That is, below 64 pixels a side. Images of any size are not.
    """
    last = keras.config.image_data_format() == "channels_last"
    sides = images.shape[1:3] if last else images.shape[2:4]
    return None not in sides and min(sides) < 64


def channel_axis() -> int:
    """Returns the axis of channels."""
    last = keras.config.image_data_format() == "channels_last"
    return -1 if last else 1


def scaled(filters: int, width: float) -> int:
    """Returns a number of filters in a network of another width."""
    return max(1, round(filters * width))


def check_width(width: float) -> float:
    """Returns the width if it is a number above zero."""
    expected = "a number above 0, 1.0 for the published network"
    if isinstance(width, bool) or not isinstance(width, int | float):
        raise wrong_type("width", width, "a number", expected)
    if not 0 < width < float("inf"):
        raise wrong_value("width", width, "is out of range", expected)
    return float(width)


def convolution(
    x: Any,
    filters: int,
    size: int,
    name: str,
    strides: int = 1,
    batch_normalization: bool = True,
    activation: bool = True,
) -> Any:
    """Applies a convolution, normalised where wanted, and ReLU.

    Weights are drawn as in He et al., "Delving Deep into Rectifiers", 2015.
    """
    x = keras.layers.Conv2D(
        filters,
        size,
        strides,
        "same",
        use_bias=not batch_normalization,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    if batch_normalization:
        x = keras.layers.BatchNormalization(
            channel_axis(), momentum=0.9, epsilon=1e-5, name=f"{name}_bn"
        )(x)
    if activation:
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return x


def finish(
    inputs: Any, outputs: Any, name: str, weights: str | None
) -> keras.Model:
    """Returns the model, with the weights of a file where there is one."""
    model = keras.Model(inputs, outputs, name=name)
    if weights is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the error says it
                model.load_weights(weights)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"The weights do not fit {name!r}. Received: {weights!r}: "
                f"{error} Expected: a file that `save_weights` of this network "
                "wrote."
            ) from error
    return model
