"""What a user gives to `compile` and `fit`, in words that can be compared."""

import functools
import json
from typing import Any

import keras
import numpy as np

_NAMES = ("name", "registered_name", "shared_object_id")


def described(item: Any) -> Any:
    """Says what something is, alike in two runs of the same script.

    Args:
        item: Anything, in nested dicts, lists and tuples. Of a function or a
            class its qualified name counts alone, be it a lambda or a closure;
            of an object with `get_config` its class and its configuration; of
            any other its class alone.

    Returns:
        A string, a number, a boolean or `None`.
    """
    plain = _plain(item)
    if plain is None or isinstance(plain, bool | int | float | str):
        return plain
    return json.dumps(plain, sort_keys=True)


def _plain(item: Any) -> Any:
    if isinstance(item, np.ndarray | np.generic):
        return item.tolist()
    if item is None or isinstance(item, bool | int | float | str):
        return item
    if isinstance(item, dict):
        return {str(key): _plain(each) for key, each in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(each) for each in item]
    if isinstance(item, functools.partial):
        return _plain([item.func, item.args, item.keywords])
    if hasattr(item, "__qualname__"):
        return _qualified(item)
    kind = _qualified(type(item))
    try:
        config = _without_names(item.get_config())
    except Exception:
        return kind  # not every object can say how it was made
    if isinstance(item, keras.Metric):  # logs bear its name
        return [kind, _unnumbered(item.name), config]
    return [kind, config]


def _qualified(item: Any) -> str:
    return f"{item.__module__}.{item.__qualname__}"


def _without_names(config: Any) -> Any:
    """A configuration without names that Keras numbers."""
    if isinstance(config, dict):
        if config.get("class_name") == "__lambda__":
            return "lambda"  # else its code, whose bytes may vary
        return {
            str(key): _without_names(each)
            for key, each in config.items()
            if key not in _NAMES
        }
    if isinstance(config, list | tuple):
        return [_without_names(each) for each in config]
    if isinstance(config, str):
        # `dense_3`: how often a process made such a layer says nothing of it.
        return config if _unnumbered(config) == config else None
    return _plain(config)


def _unnumbered(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return stem if number.isdigit() else name
