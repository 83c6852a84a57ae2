"""What a user's optimizer holds beyond its configuration."""

from collections.abc import Iterator
from collections.abc import Sequence

import keras

from keras_amto.engines.compile_args import clone_from_config
from keras_amto.engines.variables import assign
from keras_amto.engines.variables import difference
from keras_amto.engines.variables import to_numpy


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
    """Returns which weights `exclude_from_weight_decay` was given.

    They are positions in `network.trainable_variables`.
    """
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

    Keras keeps what `exclude_from_weight_decay` was given out of an optimizer's
    configuration, so a clone, whose optimizer is not built yet, does not know.
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
