"""Keras variables as values, and as members of sets."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def to_numpy(variable: keras.Variable) -> Any:
    """Returns a copy of the value of a variable."""
    # Not `np.array(variable)`, nor what calls it: the method lacks the keyword
    # `copy` that NumPy 2 asks for, and warns about.
    return np.array(variable.__array__())


def assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    """Sets the values of variables, one for each."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def difference(
    variables: Iterable[keras.Variable], without: Iterable[Any]
) -> tuple[keras.Variable, ...]:
    """Returns the variables that are not among others, in their order."""
    # By identity: `==` on Keras variables compares their values.
    excluded = {id(variable) for variable in without}
    return tuple(v for v in variables if id(v) not in excluded)
