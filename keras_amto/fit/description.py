"""What a user gives to `compile` and `fit`, in words that can be compared."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

_IGNORED = ("registered_name", "shared_object_id")


def described(item: Any) -> Any:
    """Says what something is, alike in two runs of the same script.

    Args:
        item: Anything, in nested dicts, lists and tuples. Of a function or a
            class only its qualified name counts, also for a lambda or closure;
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
    """A configuration with numbers in the place of names.

    How often a process has made such a layer says nothing of it, but which
    layer calls which does: a name is the number of its first appearance.
    """
    numbers: dict[str, int] = {}
    for name in _names_in(config):
        numbers.setdefault(name, len(numbers))

    def renamed(item: Any) -> Any:
        if isinstance(item, dict):
            if item.get("class_name") == "__lambda__":
                return "lambda"  # else its code, whose bytes may vary
            return {
                str(key): renamed(each)
                for key, each in item.items()
                if key not in _IGNORED
            }
        if isinstance(item, list | tuple):
            return [renamed(each) for each in item]
        if isinstance(item, str):
            return f"name {numbers[item]}" if item in numbers else item
        return _plain(item)

    return renamed(config)


def _names_in(config: Any) -> Iterator[str]:
    """The names of the objects in a configuration, in their order."""
    if isinstance(config, dict):
        if str(config.get("class_name")).endswith("DTypePolicy"):
            return  # whose name is what it does
        if isinstance(config.get("name"), str):
            yield config["name"]
        config = list(config.values())
    if isinstance(config, list | tuple):
        for each in config:
            yield from _names_in(each)


def _unnumbered(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return stem if number.isdigit() else name
