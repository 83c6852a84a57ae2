"""Assigning variables on a condition that is known only while training."""

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras


class Assignment(NamedTuple):
    """A new value of a variable.

    Attributes:
        target: The variable.
        sources: The variables that its value is computed from.
        rule: Function of the sources' values that returns the target's.
    """

    target: Any
    sources: tuple[Any, ...]
    rule: Callable[..., Any]


def assign_where(condition: Any, assignments: Sequence[Assignment]) -> None:
    """Assigns all of some variables, or none, on any backend.

    Args:
        condition: Scalar boolean tensor.
        assignments: What to assign. No target may be the source of another.
    """
    if keras.config.backend() == "tensorflow":
        _assign_on_tensorflow(condition, assignments)
        return
    before = [each.target.value for each in assignments]
    # The branches return values rather than assign: what is assigned while
    # JAX traces a branch would leak out of it.
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
    if after is before:
        return
    for each, value in zip(assignments, after, strict=True):
        each.target.assign(value)


def _assign_on_tensorflow(
    condition: Any, assignments: Sequence[Assignment]
) -> None:
    # Imported here: other backends must not need it.
    import tensorflow as tf

    def assign_all(strategy: Any, condition: Any) -> None:
        def assign() -> None:
            for each in assignments:
                strategy.extended.update(
                    _native(each.target),
                    functools.partial(_assign_component, each.rule),
                    args=tuple(_native(source) for source in each.sources),
                    group=False,
                )

        # Each replica has come to the same condition.
        (first, *_) = strategy.experimental_local_results(condition)
        tf.cond(first, assign, lambda: None)

    # Under `tf.distribute` a variable without aggregation, as those of layers
    # are, can be assigned only where all replicas meet. Without a strategy
    # this is a plain call.
    tf.distribute.get_replica_context().merge_call(
        assign_all, args=(condition,)
    )


def _native(variable: Any) -> Any:
    # Keras' optimizers also take `tf.Variable`s as they are.
    if isinstance(variable, keras.Variable):
        return variable.value
    return variable


def _assign_component(
    rule: Callable[..., Any], target: Any, *sources: Any
) -> None:
    value = keras.ops.cast(
        rule(*sources), keras.backend.standardize_dtype(target.dtype)
    )
    target.assign(value, read_value=False)
