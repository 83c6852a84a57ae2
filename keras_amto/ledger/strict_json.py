"""Dataclasses of numbers and arrays as strict JSON, and back."""

import dataclasses
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value

Kind = TypeVar("Kind")


def to_json(instance: Any) -> str:
    """Returns the fields of a dataclass as one line of JSON."""
    values = {
        field.name: _plain(getattr(instance, field.name))
        for field in dataclasses.fields(instance)
    }
    return json.dumps(values, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def from_json(
    kind: type[Kind],
    text: Any,
    name: str,
    what: str,
    dtypes: Mapping[str, npt.DTypeLike] = MappingProxyType({}),
) -> Kind:
    """Returns the dataclass that `to_json` wrote, called `what` in errors.

    Arrays are of `float64` where `dtypes` says nothing else.
    """
    expected = f"a string from `{kind.__name__}.to_json`"
    if not isinstance(text, str):
        raise wrong_type(name, text, "a string", expected)
    try:
        values = dict(json.loads(text))
        for key, value in values.items():
            if isinstance(value, list):
                values[key] = np.asarray(value, dtypes.get(key, np.float64))
        return kind(**values)
    except (ValueError, TypeError) as error:
        problem = f"is not {what}: {error}"
        raise wrong_value(name, text[:80], problem, expected) from error
