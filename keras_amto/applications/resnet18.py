"""ResNet18, also for small images."""

import os
from typing import Any

import keras

from keras_amto.applications.parts import POOLINGS
from keras_amto.applications.parts import check_network
from keras_amto.applications.parts import check_width
from keras_amto.applications.parts import convolution
from keras_amto.applications.parts import finish
from keras_amto.applications.parts import image_input
from keras_amto.applications.parts import is_small
from keras_amto.applications.parts import scaled

_MINIMUM_SIZE = 8
_STAGES = (64, 128, 256, 512)  # filters, of two blocks each


def ResNet18(  # noqa: N802
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: Any = None,
    input_shape: tuple[int | None, ...] | None = None,
    pooling: str | None = None,
    classes: int = 100,
    classifier_activation: Any = "softmax",
    name: str = "resnet18",
    *,
    width: float = 1.0,
) -> keras.Model:
    """Instantiates the ResNet18 architecture.

    Four stages of two residual blocks each. Images below 64 pixels a side meet
    a convolution of 3x3 filters first, without pooling, as is usual for CIFAR;
    larger ones the 7x7 filters with stride 2 and the pooling of the paper.

    Args:
        include_top: Boolean, whether the classifier is part of the network:
            average pooling and a dense layer.
        weights: `None` for random weights, or the path of a file that
            `save_weights` of this network wrote. Defaults to `None`.
        input_tensor: Optional Keras tensor to use as input.
        input_shape: Optional shape of one image, with 3 channels and at least 8
            pixels a side. Defaults to 32 x 32 pixels.
        pooling: What follows the last feature map with `include_top=False`:
            `None` for nothing, `"avg"` or `"max"`.
        classes: Integer, the number of classes. Defaults to `100`.
        classifier_activation: Activation of the classifier; `None` for logits.
        name: String, the name of the model.
        width: Float, by which the numbers of filters are multiplied; 1 is the
            published network. Defaults to `1.0`.

    Returns:
        A `keras.Model`. With 100 classes of small images it has 11,220,132
        trainable parameters.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument cannot be used, or the file does not fit.

    Example:

    >>> ResNet18(classes=10, width=0.25).output_shape
    (None, 10)

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition",
    CVPR 2016.
    """
    path = check_network(
        "ResNet18",
        include_top,
        weights,
        pooling,
        classes,
        classifier_activation,
        name,
    )
    check_width(width)
    inputs = image_input(input_tensor, input_shape, _MINIMUM_SIZE, 32)
    first = scaled(_STAGES[0], width)
    if is_small(inputs):
        x = convolution(inputs, first, 3, "conv1")
    else:
        x = convolution(inputs, first, 7, "conv1", strides=2)
        x = keras.layers.MaxPooling2D(3, 2, "same", name="pool1")(x)
    for stage, filters in enumerate(_STAGES, start=2):
        for block in (1, 2):
            strides = 2 if stage > 2 and block == 1 else 1
            label = f"conv{stage}_block{block}"
            x = _residual(x, scaled(filters, width), strides, label)
    if include_top:
        x = POOLINGS["avg"](name="avg_pool")(x)
        x = keras.layers.Dense(
            classes, activation=classifier_activation, name="predictions"
        )(x)
    elif pooling is not None:
        x = POOLINGS[pooling](name=f"{pooling}_pool")(x)
    return finish(inputs, x, name, path)


def _residual(x: Any, filters: int, strides: int, name: str) -> Any:
    """Two convolutions, and the way past them."""
    past = x
    if strides > 1:
        past = convolution(
            x, filters, 1, f"{name}_0", strides, activation=False
        )
    x = convolution(x, filters, 3, f"{name}_1", strides)
    x = convolution(x, filters, 3, f"{name}_2", activation=False)
    x = keras.layers.Add(name=f"{name}_add")([past, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)
