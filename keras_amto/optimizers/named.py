"""Optimizers by name."""

from typing import Any

import keras


def named_optimizer(
    name: str, learning_rate: Any, momentum: float = 0.9
) -> keras.optimizers.Optimizer:
    """Returns a Keras optimizer.

    Args:
        name: `"sgd"`, which gets Nesterov momentum, or another name.
        learning_rate: A float or a schedule.
        momentum: Float in [0, 1), used only by `"sgd"`. Defaults to `0.9`.

    Raises:
        ValueError: if Keras has no such optimizer.
    """
    if name.lower() == "sgd":
        return keras.optimizers.SGD(
            learning_rate, momentum=momentum, nesterov=momentum > 0
        )
    try:
        optimizer = keras.optimizers.get(name)
    except ValueError as error:
        raise ValueError(
            f"There is no such optimizer. Received: {name!r}. "
            "Expected: the name of one of keras.optimizers."
        ) from error
    optimizer.learning_rate = learning_rate
    return optimizer
