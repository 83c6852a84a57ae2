"""What the arguments of functions that make networks have to be."""

import operator
from collections.abc import Iterable
from typing import Any

import keras

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value


def check_image_shape(
    value: Any, minimum: int, channels_last: bool = True
) -> tuple[int | None, ...]:
    """Returns the shape of an image as a tuple.

    Args:
        value: What was given as `input_shape`.
        minimum: Integer, the fewest pixels a side.
        channels_last: Boolean, whether channels come last. Defaults to `True`.

    Raises:
        TypeError: if it is not a list of integers; `None` stands for any.
        ValueError: if it is not the shape of an image of 3 channels.
    """
    name = "input_shape"
    expected = (
        f"height, width and 3 channels, and at least {minimum} pixels a side"
    )
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise wrong_type(name, value, "a shape", expected)
    shape = tuple(value)
    for size in shape:
        if size is not None and not _is_integer(size):
            raise wrong_type(name, value, "a shape of integers", expected)
    channels, sides = shape[2:], shape[:2]
    if not channels_last:
        channels, sides = shape[:1], shape[1:]
    if channels != (3,) or any(
        side is not None and side < minimum for side in sides
    ):
        raise wrong_value(name, value, "cannot be used", expected)
    return shape


def _is_integer(value: Any) -> bool:
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def check_activation(name: str, value: Any) -> Any:
    """Returns the value if `keras.activations.get` makes something of it."""
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
