"""What the arguments of functions that build networks have to be."""

import numbers
from collections.abc import Iterable
from typing import Any

import keras

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value


def check_image_shape(
    value: Any,
    minimum: int,
    channels_last: bool = True,
    name: str = "input_shape",
    any_channels: bool = False,
) -> tuple[int | None, ...]:
    """Returns a shape as a tuple; `None` in it stands for any size."""
    channels = "channels" if any_channels else "3 channels"
    expected = (
        f"height, width and {channels}, and at least {minimum} pixels a side"
    )
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise wrong_type(name, value, "a shape", expected)
    shape = tuple(value)
    for size in shape:
        is_integer = isinstance(size, numbers.Integral)
        if size is not None and (not is_integer or isinstance(size, bool)):
            raise wrong_type(name, value, "a shape of integers", expected)
    sides = shape[:2] if channels_last else shape[1:]
    last = shape[2:] if channels_last else shape[:1]
    is_small = any(side is not None and side < minimum for side in sides)
    if len(shape) != 3 or is_small or not (any_channels or last == (3,)):
        raise wrong_value(name, value, "cannot be used", expected)
    return shape


def check_activation(name: str, value: Any) -> Any:
    """Returns the value if `keras.activations.get` accepts it."""
    expected = "the name of a Keras activation, a function, or None"
    try:
        keras.activations.get(value)
    except (TypeError, ValueError) as error:
        if isinstance(value, str | dict):
            problem = "is unknown to Keras"
            raise wrong_value(name, value, problem, expected) from error
        raise wrong_type(name, value, "an activation", expected) from error
    return value
