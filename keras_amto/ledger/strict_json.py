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
#: What strict JSON has no numbers for.
_NON_FINITE = {str(value): value for value in (math.nan, math.inf, -math.inf)}


def to_json(instance: Any) -> str:
    """Returns the fields of a dataclass as one line of JSON."""
    return json.dumps(_plain(instance), allow_nan=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
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
    within: Mapping[str, type[Any]] = MappingProxyType({}),
) -> Kind:
    """Returns the dataclass that `to_json` wrote, called `what` in errors.

    Arrays are of `float64` where `dtypes` says nothing else. `within` are the
    fields that are tuples of a dataclass.
    """
    expected = f"a string from `{kind.__name__}.to_json`"
    if not isinstance(text, str):
        raise wrong_type(name, text, "a string", expected)
    try:
        values = dict(json.loads(text))
        for key, inner in within.items():
            values[key] = tuple(
                inner(**_arrays(each, dtypes)) for each in values[key]
            )
        return kind(**_arrays(values, dtypes))
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        problem = f"is not {what}: {error}"
        raise wrong_value(name, text[:80], problem, expected) from error


def _arrays(
    values: Mapping[str, Any], dtypes: Mapping[str, npt.DTypeLike]
) -> dict[str, Any]:
    return {
        key: np.asarray(value, dtypes.get(key, np.float64))
        if isinstance(value, list)
        else _NON_FINITE.get(value, value)
        if isinstance(value, str)
        else value
        for key, value in values.items()
    }
