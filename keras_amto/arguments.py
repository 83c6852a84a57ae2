"""What the arguments of public functions have to be."""

import inspect
import math
import numbers
import operator
import os
from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

import numpy as np


def wrong_type(name: str, value: Any, kind: str, expected: str) -> TypeError:
    """Returns the error for a value that is not `kind`, such as "a string"."""
    return TypeError(
        f"`{name}` is not {kind}. "
        f"Received: {name}={value!r} (of type {type(value).__name__}). "
        f"Expected: {expected}."
    )


def wrong_value(
    name: str, value: Any, problem: str, expected: str
) -> ValueError:
    """Returns the error for a value with a problem, such as "is too small"."""
    return ValueError(
        f"`{name}` {problem}. Received: {name}={value!r}. Expected: {expected}."
    )


def check_integer(name: str, value: Any, minimum: int) -> int:
    """Returns the value as an `int` of at least `minimum`."""
    expected = f"an integer of at least {minimum}"
    try:
        number = operator.index(value)
    except TypeError as error:
        raise wrong_type(name, value, "an integer", expected) from error
    if isinstance(value, bool):
        raise wrong_type(name, value, "an integer", expected)
    if number < minimum:
        raise wrong_value(name, number, "is too small", expected)
    return number


def check_optional_integer(name: str, value: Any) -> int | None:
    """Returns an integer of at least 1, or `None` for `None`."""
    return None if value is None else check_integer(name, value, 1)


def check_optional_positive(name: str, value: Any) -> float | None:
    """Returns a number above 0 as a float, or `None`."""
    if value is None:
        return None
    expected = "a number above 0, or None"
    number = _check_real(name, value, expected)
    if not 0 < number < math.inf:
        raise wrong_value(name, value, "is out of range", expected)
    return number


def check_task(name: str, value: Any, num_tasks: int) -> int:
    """Returns the number of a task."""
    task = check_integer(name, value, 0)
    if task >= num_tasks:
        expected = f"an integer from 0 to {num_tasks - 1}"
        raise wrong_value(name, task, "is not a task", expected)
    return task


def check_share(name: str, value: Any, zero: bool, one: bool = False) -> float:
    """Returns the value as a `float` between 0 and 1, with or without them."""
    bounds = f"{'[' if zero else '('}0, 1{']' if one else ')'}"
    expected = f"a float in {bounds}"
    share = _check_real(name, value, expected)
    if not (0 < share < 1 or (zero and share == 0) or (one and share == 1)):
        raise wrong_value(name, value, "is out of range", expected)
    return share


def check_number(name: str, value: Any) -> float:
    """Returns the value as a finite `float` of at least 0."""
    expected = "a finite float of at least 0"
    number = _check_real(name, value, expected)
    if not 0 <= number < math.inf:
        raise wrong_value(name, value, "is out of range", expected)
    return number


def _check_real(name: str, value: Any, expected: str) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise wrong_type(name, value, "a number", expected)
    return float(value)


def check_boolean(name: str, value: Any) -> bool:
    """Returns the value if it is a boolean."""
    if not isinstance(value, bool):
        raise wrong_type(name, value, "a boolean", "True or False")
    return value


def check_truth(name: str, value: Any) -> bool:
    """Returns the truth of a value of any type, as Keras does."""
    try:
        return bool(value)
    except (TypeError, ValueError) as error:
        raise wrong_type(name, value, "a boolean", "True or False") from error


def check_choice(name: str, value: Any, choices: Collection[str]) -> str:
    """Returns the value if it is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise wrong_value(name, value, "is unknown", f"one of {tuple(choices)}")
    return value


def check_text(name: str, value: Any, expected: str) -> str:
    """Returns the value if it is a non-empty string."""
    if not isinstance(value, str):
        raise wrong_type(name, value, "a string", expected)
    if not value:
        raise wrong_value(name, value, "is empty", expected)
    return value


def check_no_arguments(name: str, value: Any) -> None:
    """Raises unless a function can be called without arguments."""
    try:
        inspect.signature(value).bind()
    except TypeError as error:
        kind = "a function without arguments"
        expected = "a function that can be called without any"
        raise wrong_type(name, value, kind, expected) from error
    except ValueError:  # a function in C, which has no signature
        return


def check_name(value: Any) -> str | None:
    """Returns the name of a Keras object, or `None` for `None`."""
    expected = "a string without `/`, or None"
    if not isinstance(value, str | None):
        raise wrong_type("name", value, "a string", expected)
    if value and "/" in value:
        raise wrong_value("name", value, "contains a `/`", expected)
    return value


def check_path(name: str, value: Any) -> str:
    """Returns a path as a string."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    return check_text(name, path, "a path, as a string or a `pathlib.Path`")


def check_directory(name: str, value: Any) -> str | None:
    """Returns a directory that can be written to, or `None` for `None`."""
    expected = "a directory that exists and can be written to, or None"
    if value is None:
        return None
    path = check_path(name, value)
    if not os.path.isdir(path):
        raise wrong_value(name, path, "is not a directory", expected)
    if not os.access(path, os.W_OK | os.X_OK):
        raise wrong_value(name, path, "cannot be written to", expected)
    return path


def check_arrays(name: str, value: Any) -> list[Any]:
    """Returns a list of arrays of numbers, with lists made arrays."""
    expected = "a list of arrays of numbers"
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise wrong_type(name, value, "a list of arrays", expected)
    try:
        arrays = [
            item if hasattr(item, "dtype") else np.asarray(item)
            for item in value
        ]
    except ValueError as error:
        problem = "contains a ragged list"
        raise wrong_value(name, value, problem, expected) from error
    for array in arrays:
        # The dtype of NumPy, of a Keras variable, or of a tensor.
        kind = str(getattr(array.dtype, "name", array.dtype))
        if kind.startswith(("str", "bytes", "object")):
            raise wrong_type(name, array, "an array of numbers", expected)
    return arrays


def check_validation_freq(value: Any) -> int | list[int]:
    """Returns Keras' `validation_freq`: an interval, or a list of epochs."""
    name = "validation_freq"
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        return [check_integer(name, epoch, 0) for epoch in value]
    return check_integer(name, value, 1)
