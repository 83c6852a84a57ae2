"""What the arguments of functions that build networks have to be."""

import numbers
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value


def check_image_shape(
    value: Any, minimum: int, channels_last: bool = True
) -> tuple[int | None, ...]:
    """Returns `input_shape` as a tuple; `None` in it stands for any size."""
    name = "input_shape"
    expected = (
        f"height, width and 3 channels, and at least {minimum} pixels a side"
    )
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise wrong_type(name, value, "a shape", expected)
    shape = tuple(value)
    for size in shape:
        is_integer = isinstance(size, numbers.Integral)
        if size is not None and (not is_integer or isinstance(size, bool)):
            raise wrong_type(name, value, "a shape of integers", expected)
    channels = shape[2:] if channels_last else shape[:1]
    if channels != (3,) or not is_image(shape, minimum, channels_last):
        raise wrong_value(name, value, "cannot be used", expected)
    return shape


def is_image(
    shape: Sequence[int | None], minimum: int, channels_last: bool
) -> bool:
    """Returns whether a shape is of an image with enough pixels a side."""
    sides = shape[:2] if channels_last else shape[1:]
    return len(shape) == 3 and all(
        side is None or side >= minimum for side in sides
    )


def check_activation(name: str, value: Any) -> Any:
    """Returns the value if `keras.activations.get` accepts it."""
    expected = "the name of a Keras activation, a function, or None"
    if not (value is None or callable(value) or isinstance(value, str | dict)):
        raise wrong_type(name, value, "an activation", expected)
    try:
        keras.activations.get(value)
    except ValueError as error:
        raise wrong_value(
            name, value, "is unknown to Keras", expected
        ) from error
    return value
