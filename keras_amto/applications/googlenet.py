"""GoogLeNet, Inception v1, also for small images."""

import os
from typing import Any

import keras

from keras_amto.applications.parts import POOLINGS
from keras_amto.applications.parts import channel_axis
from keras_amto.applications.parts import check_network
from keras_amto.applications.parts import check_width
from keras_amto.applications.parts import convolution
from keras_amto.applications.parts import finish
from keras_amto.applications.parts import image_input
from keras_amto.applications.parts import is_small
from keras_amto.applications.parts import scaled
from keras_amto.arguments import check_boolean

_MINIMUM_SIZE = 16

# Filters: 1x1; 1x1 and 3x3 behind it; 1x1 and 5x5 behind it; 1x1 behind
# pooling. Table 1 of the paper.
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_POOLED_AFTER = ("3b", "4e")
_HEADS_AFTER = {"4a": "aux1", "4d": "aux2"}


def GoogLeNet(  # noqa: N802
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: Any = None,
    input_shape: tuple[int | None, ...] | None = None,
    pooling: str | None = None,
    classes: int = 100,
    classifier_activation: Any = "softmax",
    name: str = "googlenet",
    *,
    width: float = 1.0,
    batch_normalization: bool = False,
    auxiliary_heads: bool = False,
) -> keras.Model:
    """Instantiates the GoogLeNet architecture (Inception v1).

    Nine modules of four branches each. Images below 64 pixels a side meet one
    convolution of 3x3 filters first, without pooling; larger ones the stem of
    the paper. Its local response normalisation, which has no parameters, is
    left out.

    Args:
        include_top: Boolean, whether the classifier is part of the network:
            average pooling, dropout of 0.4 and a dense layer.
        weights: `None` for random weights, or the path of a file that
            `save_weights` of this network wrote. Defaults to `None`.
        input_tensor: Optional Keras tensor to use as input.
        input_shape: Optional shape of one image, with 3 channels and at least
            16 pixels a side. Defaults to 32 x 32 pixels.
        pooling: What follows the last feature map with `include_top=False`:
            `None` for nothing, `"avg"` or `"max"`.
        classes: Integer, the number of classes. Defaults to `100`.
        classifier_activation: Activation of the classifiers; `None` for logits.
        name: String, the name of the model.
        width: Float, by which the numbers of filters and units are multiplied;
            1 is the published network. Defaults to `1.0`.
        batch_normalization: Boolean, whether each convolution is followed by
            it, and has no bias then. Defaults to `False`, as published.
        auxiliary_heads: Boolean, whether the two classifiers in the middle are
            outputs, too: the model then has the outputs `"predictions"`,
            `"aux1"` and `"aux2"`, whose losses count 1, 0.3 and 0.3 in the
            paper. Defaults to `False`.

    Returns:
        A `keras.Model`. With 1000 classes of 224 x 224 pixels it has 6,998,552
        parameters, 13,378,280 with the auxiliary heads.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument cannot be used, or the file does not fit.

    Example:

    >>> GoogLeNet(classes=10, width=0.25).output_shape
    (None, 10)

    Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015.
    """
    path = check_network(
        "GoogLeNet",
        include_top,
        weights,
        pooling,
        classes,
        classifier_activation,
        name,
    )
    check_width(width)
    normalizes = check_boolean("batch_normalization", batch_normalization)
    if check_boolean("auxiliary_heads", auxiliary_heads) and not include_top:
        raise ValueError(
            "Auxiliary heads are classifiers. Received: auxiliary_heads=True, "
            "include_top=False. Expected: include_top=True."
        )
    inputs = image_input(input_tensor, input_shape, _MINIMUM_SIZE, 32)
    x = _stem(inputs, width, normalizes)
    heads = {}
    for label, filters in _MODULES.items():
        x = _inception(x, filters, width, normalizes, f"inception_{label}")
        if auxiliary_heads and label in _HEADS_AFTER:
            head = _HEADS_AFTER[label]
            heads[head] = _head(
                x, classes, classifier_activation, width, normalizes, head
            )
        if label in _POOLED_AFTER:
            x = keras.layers.MaxPooling2D(
                3, 2, "same", name=f"pool_{label[0]}"
            )(x)
    if include_top:
        x = POOLINGS["avg"](name="avg_pool")(x)
        x = keras.layers.Dropout(0.4, name="drop")(x)
        x = keras.layers.Dense(
            classes, activation=classifier_activation, name="predictions"
        )(x)
    elif pooling is not None:
        x = POOLINGS[pooling](name=f"{pooling}_pool")(x)
    outputs = {"predictions": x, **heads} if heads else x
    return finish(inputs, outputs, name, path)


def _stem(x: Any, width: float, normalizes: bool) -> Any:
    """The layers in front of the modules."""
    if is_small(x):
        return convolution(
            x, scaled(192, width), 3, "conv2", batch_normalization=normalizes
        )
    for filters, size, strides, name in (
        (64, 7, 2, "conv1"), (64, 1, 1, "conv2_reduce"), (192, 3, 1, "conv2"),
    ):  # fmt: skip
        x = convolution(
            x, scaled(filters, width), size, name, strides, normalizes
        )
        if name in ("conv1", "conv2"):
            x = keras.layers.MaxPooling2D(3, 2, "same", name=f"{name}_pool")(x)
    return x


def _inception(
    x: Any,
    filters: tuple[int, ...],
    width: float,
    normalizes: bool,
    name: str,
) -> Any:
    """Four branches side by side, joined."""
    one, reduce3, three, reduce5, five, pooled = (
        scaled(count, width) for count in filters
    )

    def convolved(x: Any, count: int, size: int, part: str) -> Any:
        return convolution(
            x, count, size, f"{name}_{part}", batch_normalization=normalizes
        )

    large = convolved(convolved(x, reduce3, 1, "3x3_reduce"), three, 3, "3x3")
    larger = convolved(convolved(x, reduce5, 1, "5x5_reduce"), five, 5, "5x5")
    pool = keras.layers.MaxPooling2D(3, 1, "same", name=f"{name}_pool")(x)
    branches = [
        convolved(x, one, 1, "1x1"),
        large,
        larger,
        convolved(pool, pooled, 1, "pool_proj"),
    ]
    return keras.layers.Concatenate(channel_axis(), name=name)(branches)


def _head(
    x: Any,
    classes: int,
    activation: Any,
    width: float,
    normalizes: bool,
    name: str,
) -> Any:
    """A classifier in the middle of the network."""
    # 4x4 remain of the 14x14 that the paper has here, and of smaller maps.
    size = x.shape[1 if channel_axis() == -1 else 2]
    window, strides = (5, 3) if size is None or size >= 5 else (1, 1)
    x = keras.layers.AveragePooling2D(window, strides, name=f"{name}_pool")(x)
    x = convolution(
        x, scaled(128, width), 1, f"{name}_conv",
        batch_normalization=normalizes,
    )  # fmt: skip
    x = keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = keras.layers.Dense(
        scaled(1024, width), activation="relu", name=f"{name}_fc"
    )(x)
    x = keras.layers.Dropout(0.7, name=f"{name}_drop")(x)
    return keras.layers.Dense(classes, activation=activation, name=name)(x)
