"""Copies of what a user's model is compiled with."""

import contextlib
import functools
import inspect
from typing import Any

import keras

from keras_amto.distribution import Scope
from keras_amto.engines.errors import explained


def clone_compile_args(
    compile_args: dict[str, Any], scope: Scope = contextlib.nullcontext
) -> dict[str, Any]:
    """Copies the stateful arguments of `compile`, sharing the others.

    An optimizer is bound to one model's variables, and a metric counts for one
    model: each worker needs its own.
    """

    def clone_metric(metric: Any, name: str) -> Any:
        if isinstance(metric, keras.Metric):
            return clone_from_config(metric, f"metric in `{name}`", scope)
        return metric

    args = dict(compile_args)
    args["optimizer"] = clone_from_config(args["optimizer"], "optimizer", scope)
    for name in ("metrics", "weighted_metrics"):
        args[name] = keras.tree.map_structure(
            functools.partial(clone_metric, name=name), args[name]
        )
    return args


def clone_from_config(
    instance: Any, label: str, scope: Scope = contextlib.nullcontext
) -> Any:
    """Returns a like optimizer or metric, not built."""
    with explained(
        f"The {label} cannot be cloned from its configuration",
        repr(instance),
        "one whose `get_config` holds every argument, its custom parts "
        "registered with keras.saving.register_keras_serializable",
    ):
        with scope():
            clone = _from_config(type(instance), instance.get_config())
        lost = [
            name
            for name, value in vars(instance).items()
            if _is_setting(name, value) and getattr(clone, name, None) != value
        ]
        if lost:
            raise ValueError(f"{lost} would be lost.")
    return clone


def _from_config(kind: Any, config: dict[str, Any]) -> Any:
    """Also where `__init__` fixes some settings instead of taking them."""
    try:
        return kind.from_config(config)
    except TypeError:
        taken = inspect.signature(kind).parameters
        clone = kind.from_config({k: config[k] for k in taken if k in config})
        if clone.get_config() != config:
            raise
        return clone


def _is_setting(name: str, value: Any) -> bool:
    # Names are numbered, and a clone is not built.
    return (
        isinstance(value, bool | int | float | str)
        and not name.startswith("_")
        and name not in ("name", "built")
    )
