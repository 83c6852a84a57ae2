"""Dataclasses of numbers and arrays as strict JSON, and back.

Floats are written so that they read back bit for bit. NaN and the infinities,
which JSON lacks, become the strings `"nan"`, `"inf"` and `"-inf"`.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type

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
    dtypes: Mapping[str, npt.DTypeLike] | None = None,
) -> Kind:
    """Returns the dataclass that `to_json` wrote, called `what` in messages.

    Arrays are of `float64` where `dtypes` says nothing else.
    """
    expected = f"a string from `{kind.__name__}.to_json`"
    if not isinstance(text, str):
        raise wrong_type(name, text, "a string", expected)
    try:
        values = dict(json.loads(text))
        for key, value in values.items():
            if isinstance(value, list):
                dtype = (dtypes or {}).get(key, np.float64)
                values[key] = np.asarray(value, dtype)
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"`{name}` is not {what}: {error}. "
            f"Received: {name}={text[:80]!r}. Expected: {expected}."
        ) from error
