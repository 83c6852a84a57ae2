"""SqueezeNet 1.0 and 1.1."""

import os
from typing import Any

import keras

from keras_amto.applications.parts import POOLINGS
from keras_amto.applications.parts import channel_axis
from keras_amto.applications.parts import check_network
from keras_amto.applications.parts import image_input
from keras_amto.applications.squeezenet_weights import load_squeezenet_weights
from keras_amto.arguments import check_choice

_MINIMUM_SIZE = 21  # below, a feature map of one of the versions is empty

# Filters of a fire module's squeeze layer, and of each of its expand layers.
_FIRES = {
    2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128),
    6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256),
}  # fmt: skip
# Filters and size of the first kernel, and the modules with pooling in front.
_VERSIONS = {"1.0": (96, 7, (2, 5, 9)), "1.1": (64, 3, (2, 4, 6))}


def SqueezeNet(  # noqa: N802
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: Any = None,
    input_shape: tuple[int | None, ...] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    *,
    version: str = "1.1",
) -> keras.Model:
    """Instantiates the SqueezeNet architecture.

    Half a million to a million parameters, in *fire modules*: a layer of 1x1
    filters squeezes the channels, two of 1x1 and 3x3 expand them again.

    Inputs need the preprocessing that the weights were trained with:
    `squeezenet.preprocess_input(x)` for weights from Caffe, as most Keras files
    have them, and `squeezenet.preprocess_input(x, mode="torch")` for those of
    torchvision.

    Feature maps of even size are pooled with a padded last window, as in Caffe
    and torchvision. At 224 pixels version 1.1 has no such maps.

    Args:
        include_top: Boolean, whether the classifier is part of the network:
            dropout, a 1x1 convolution to `classes` channels, average pooling.
        weights: `None` for random weights, or the path of a file: an HDF5 file
            of a Keras SqueezeNet (of the old format, or `.weights.h5` as
            `save_weights` writes it), or the state dict of torchvision's
            `squeezenet1_0` or `squeezenet1_1` (`.pth`), which needs torch.
            Defaults to `None`.
        input_tensor: Optional Keras tensor to use as input.
        input_shape: Optional shape of one image, with 3 channels and at least
            21 pixels a side. Defaults to 224 x 224 pixels with
            `include_top=True`, to any size without.
        pooling: What follows the last feature map with `include_top=False`:
            `None` for nothing, `"avg"` or `"max"`.
        classes: Integer, the number of classes of the classifier.
        classifier_activation: Activation of the classifier; `None` for logits.
        name: String, the name of the model. Defaults to one that names the
            version.
        version: `"1.0"` or `"1.1"` (2.4 times less computation at the same
            accuracy). Defaults to `"1.1"`.

    Returns:
        A `keras.Model`. With `include_top=False` it has 735,424 (1.0) or
        722,496 (1.1) parameters.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument cannot be used, if the file does not fit, or
            if it needs torch, which is not installed.

    Example:

    >>> base = SqueezeNet(include_top=False, pooling="avg")
    >>> base.count_params(), base.output_shape
    (722496, (None, 512))

    Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer
    parameters and <0.5MB model size", arXiv:1602.07360.
    """
    check_choice("version", version, _VERSIONS)
    weights = check_network(
        "SqueezeNet",
        include_top,
        weights,
        pooling,
        classes,
        classifier_activation,
        name,
    )
    filters, size, pooled = _VERSIONS[version]
    side = 224 if include_top else None
    inputs = image_input(input_tensor, input_shape, _MINIMUM_SIZE, side)
    x = _convolution(filters, size, "conv1", strides=2)(inputs)
    for number, (squeeze, expand) in _FIRES.items():
        if number in pooled:
            x = _pool(x, number - 1)
        x = _fire(x, number, squeeze, expand)
    if include_top:
        x = keras.layers.Dropout(0.5, name="drop9")(x)
        normal = keras.initializers.RandomNormal(stddev=0.01)
        top = _convolution(classes, 1, "conv10", kernel_initializer=normal)
        x = POOLINGS["avg"](name="avg_pool")(top(x))
        answer = keras.layers.Activation(
            classifier_activation, name="predictions"
        )
        x = answer(x)
    elif pooling is not None:
        x = POOLINGS[pooling](name=f"{pooling}_pool")(x)
    name = name or f"squeezenet_{version.replace('.', '_')}"
    model = keras.Model(inputs, x, name=name)
    if weights is not None:
        load_squeezenet_weights(model, weights)
    return model


def preprocess_input(
    x: Any, data_format: str | None = None, mode: str = "caffe"
) -> Any:
    """Preprocesses images for `SqueezeNet`; returns floats.

    Args:
        x: Images of RGB values in [0, 255], an array or a tensor.
        data_format: `"channels_first"`, `"channels_last"`, or `None` for
            `keras.config.image_data_format()`.
        mode: `"caffe"` turns RGB into BGR and subtracts ImageNet's means;
            `"torch"` scales to [0, 1] and normalises by ImageNet's means and
            standard deviations, as weights of torchvision expect.

    Returns:
        The images, as floats.

    Raises:
        ValueError: if the mode or the format is unknown.

    Example:

    >>> import numpy as np
    >>> preprocess_input(np.zeros((1, 224, 224, 3))).shape
    (1, 224, 224, 3)
    """
    check_choice("mode", mode, ("caffe", "torch"))
    if data_format is not None:
        formats = ("channels_first", "channels_last")
        check_choice("data_format", data_format, formats)
    return keras.applications.imagenet_utils.preprocess_input(
        x, data_format=data_format, mode=mode
    )


decode_predictions = keras.applications.imagenet_utils.decode_predictions


def _pool(x: Any, number: int) -> Any:
    # Values are not negative here, so a border of zeros at the far sides never
    # wins: it only completes the last window.
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"pad{number}")(x)
    return keras.layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)


def _fire(x: Any, number: int, squeeze: int, expand: int) -> Any:
    name = f"fire{number}"
    x = _convolution(squeeze, 1, f"{name}_squeeze1x1")(x)
    small = _convolution(expand, 1, f"{name}_expand1x1")(x)
    large = _convolution(expand, 3, f"{name}_expand3x3", padding="same")(x)
    concatenate = keras.layers.Concatenate(
        channel_axis(), name=f"{name}_concat"
    )
    return concatenate([small, large])


def _convolution(filters: int, size: int, name: str, **kwargs: Any) -> Any:
    return keras.layers.Conv2D(
        filters, size, activation="relu", name=name, **kwargs
    )
