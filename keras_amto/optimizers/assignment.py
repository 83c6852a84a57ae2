"""Assigning variables on a condition that is known only while training."""

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras


class Assignment(NamedTuple):
    """A new value of a variable: `rule`, applied to the values of others."""

    target: Any
    rule: Callable[..., Any]
    sources: tuple[Any, ...]


def assign_where(condition: Any, assignments: Sequence[Assignment]) -> None:
    """Assigns all or none, on any backend. No target may be another's source.

    The condition is a scalar boolean tensor.
    """
    if keras.config.backend() == "tensorflow":
        _assign_on_tensorflow(condition, assignments)
        return
    before = [each.target.value for each in assignments]
    # The branches return values: what is assigned while JAX traces a branch
    # would leak out of it.
    after = keras.ops.cond(
        condition,
        lambda: [
            keras.ops.cast(
                each.rule(*(source.value for source in each.sources)),
                each.target.dtype,
            )
            for each in assignments
        ],
        lambda: before,
    )
    if after is not before:
        for each, value in zip(assignments, after, strict=True):
            each.target.assign(value)


def _assign_on_tensorflow(
    condition: Any, assignments: Sequence[Assignment]
) -> None:
    # Imported here, because other backends must not need it.
    import tensorflow as tf

    def assign_all(strategy: Any, condition: Any) -> None:
        def assign() -> None:
            for each in assignments:
                strategy.extended.update(
                    _native(each.target),
                    functools.partial(_assign_component, each.rule),
                    args=tuple(map(_native, each.sources)),
                    group=False,
                )

        # The condition is the same on every replica.
        (first, *_) = strategy.experimental_local_results(condition)
        tf.cond(first, assign, lambda: None)

    # Under `tf.distribute` a variable without aggregation, such as those of
    # layers, can be assigned only where all replicas meet. Without a strategy
    # this is a plain call.
    context = tf.distribute.get_replica_context()
    context.merge_call(assign_all, args=(condition,))


def _native(variable: Any) -> Any:
    # Keras' optimizers also take `tf.Variable`s as they are.
    return variable.value if isinstance(variable, keras.Variable) else variable


def _assign_component(
    rule: Callable[..., Any], target: Any, *sources: Any
) -> None:
    dtype = keras.backend.standardize_dtype(target.dtype)
    target.assign(keras.ops.cast(rule(*sources), dtype), read_value=False)
