"""VGG16, also for small images."""

import os
from typing import Any

import keras

from keras_amto.applications.parts import POOLINGS
from keras_amto.applications.parts import check_network
from keras_amto.applications.parts import check_width
from keras_amto.applications.parts import convolution
from keras_amto.applications.parts import finish
from keras_amto.applications.parts import image_input
from keras_amto.applications.parts import scaled
from keras_amto.arguments import check_boolean

_MINIMUM_SIZE = 32  # five times halved
_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_UNITS = 4096


def VGG16(  # noqa: N802
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: Any = None,
    input_shape: tuple[int | None, ...] | None = None,
    pooling: str | None = None,
    classes: int = 100,
    classifier_activation: Any = "softmax",
    name: str = "vgg16",
    *,
    width: float = 1.0,
    batch_normalization: bool = False,
) -> keras.Model:
    """Instantiates the VGG16 architecture.

    Thirteen convolutions of 3x3 filters in five blocks, and three dense layers.
    Unlike `keras.applications.VGG16` it takes a width and batch normalisation,
    without which it is hard to train from random weights.

    Args:
        include_top: Boolean, whether the three dense layers, with dropout of
            one half between them, are part of the network.
        weights: `None` for random weights, or the path of a file that
            `save_weights` of this network wrote. Defaults to `None`.
        input_tensor: Optional Keras tensor to use as input.
        input_shape: Optional shape of one image, with 3 channels and at least
            32 pixels a side. Defaults to 32 x 32 pixels.
        pooling: What follows the last feature map with `include_top=False`:
            `None` for nothing, `"avg"` or `"max"`.
        classes: Integer, the number of classes. Defaults to `100`.
        classifier_activation: Activation of the classifier; `None` for logits.
        name: String, the name of the model.
        width: Float, by which the numbers of filters and units are multiplied;
            1 is the published network. Defaults to `1.0`.
        batch_normalization: Boolean, whether each convolution is followed by
            it, and has no bias then. Defaults to `False`, as published.

    Returns:
        A `keras.Model`. With 1000 classes of 224 x 224 pixels it has
        138,357,544 parameters; with 100 classes of 32 x 32 pixels 34,006,948.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument cannot be used, or the file does not fit.

    Example:

    >>> VGG16(classes=10, width=0.25).output_shape
    (None, 10)

    Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for
    Large-Scale Image Recognition", ICLR 2015, configuration D.
    """
    path = check_network(
        "VGG16",
        include_top,
        weights,
        pooling,
        classes,
        classifier_activation,
        name,
    )
    check_width(width)
    normalizes = check_boolean("batch_normalization", batch_normalization)
    inputs = x = image_input(input_tensor, input_shape, _MINIMUM_SIZE, 32)
    for number, (filters, count) in enumerate(_BLOCKS, start=1):
        for layer in range(1, count + 1):
            x = convolution(
                x,
                scaled(filters, width),
                3,
                f"block{number}_conv{layer}",
                batch_normalization=normalizes,
            )
        x = keras.layers.MaxPooling2D(2, 2, name=f"block{number}_pool")(x)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        for number in (1, 2):
            x = keras.layers.Dense(
                scaled(_UNITS, width),
                activation="relu",
                kernel_initializer="he_normal",
                name=f"fc{number}",
            )(x)
            x = keras.layers.Dropout(0.5, name=f"drop{number}")(x)
        x = keras.layers.Dense(
            classes, activation=classifier_activation, name="predictions"
        )(x)
    elif pooling is not None:
        x = POOLINGS[pooling](name=f"{pooling}_pool")(x)
    return finish(inputs, x, name, path)
