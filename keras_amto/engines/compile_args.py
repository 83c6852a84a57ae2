"""Copies of what a user's model is compiled with."""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.distribution import Scope
from keras_amto.engines.errors import explained
from keras_amto.engines.variables import assign
from keras_amto.engines.variables import difference
from keras_amto.engines.variables import to_numpy


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
        # Outside of the scope: the original may belong to another one.
        config = instance.get_config()
        with scope():
            clone = _from_config(type(instance), config)
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


def refuse_optimizer(optimizer: keras.optimizers.Optimizer) -> None:
    """Raises `ValueError` for one that is, or wraps, a `MultiOptimizer`."""
    for each in _wrapped(optimizer):
        if isinstance(each, keras.optimizers.MultiOptimizer):
            raise ValueError(
                "A MultiOptimizer has a learning rate and a state for each of "
                "its optimizers, but AMTO has one learning rate for all "
                "networks, which callbacks set. "
                f"Received: optimizer={optimizer!r}. "
                "Expected: one optimizer; `exclude_from_weight_decay` and "
                "`trainable` tell variables apart."
            )


def replica_optimizer_variables(
    optimizer: keras.optimizers.Optimizer,
) -> tuple[keras.Variable, ...]:
    """Returns the optimizer's variables without the learning rate."""
    return difference(optimizer.variables, [optimizer.learning_rate])


def current_learning_rate(
    optimizer: keras.optimizers.Optimizer,
) -> float | None:
    """Returns the learning rate, or `None` where a schedule sets it."""
    rate = optimizer.learning_rate
    if any(rate is variable for variable in optimizer.variables):
        return float(to_numpy(rate))
    return None


def excluded_from_decay(
    optimizer: keras.optimizers.Optimizer, network: keras.Model
) -> list[int]:
    """Returns which of the trainable variables are kept from weight decay."""
    # Private, and asked in this place alone: Keras has no public way to say
    # which variables are excluded. A test notices if it moves.
    decays = innermost(optimizer)._use_weight_decay
    variables = enumerate(network.trainable_variables)
    return [i for i, variable in variables if not decays(variable)]


def exclude_alike(
    optimizer: keras.optimizers.Optimizer,
    network: keras.Model,
    clone: keras.Model,
) -> None:
    """Lets a clone's optimizer decay the weights that the original decays.

    An optimizer's configuration does not hold what `exclude_from_weight_decay`
    was given. The clone's optimizer must not be built yet.
    """
    variables = clone.trainable_variables
    innermost(clone.optimizer).exclude_from_weight_decay(
        var_list=[variables[i] for i in excluded_from_decay(optimizer, network)]
    )


def reset_optimizer(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
) -> None:
    """Gives an optimizer the state of one just built for some variables.

    The learning rate stays: it belongs to the user and to callbacks. One that
    is not built, or was built for other variables, stays as it is.
    """
    # Keras puts a new one for loss scaling round it in each `compile`.
    built = next((each for each in _wrapped(optimizer) if each.built), None)
    if built is None:
        return
    fresh = clone_from_config(built, "optimizer")
    fresh.build(variables)
    old, new = (
        difference(each.variables, [innermost(each).learning_rate])
        for each in (built, fresh)
    )
    if [v.shape for v in old] == [v.shape for v in new]:
        assign(old, new)


def innermost(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
    """Returns the optimizer that others, as for loss scaling, are round."""
    *_, found = _wrapped(optimizer)
    return found


def _wrapped(
    optimizer: keras.optimizers.Optimizer,
) -> Iterator[keras.optimizers.Optimizer]:
    """The optimizer, the one that it wraps, and so on."""
    while optimizer is not None:
        yield optimizer
        optimizer = getattr(optimizer, "inner_optimizer", None)
