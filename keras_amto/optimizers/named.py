"""Optimizers as users name them."""

from typing import Any

import keras

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value

_EXPECTED = (
    "a keras.optimizers.Optimizer, its name, such as 'sgd', or a configuration"
)


def check_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """Returns `keras.optimizers.get(optimizer)`."""
    if not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise wrong_type("optimizer", optimizer, "an optimizer", _EXPECTED)
    try:
        return keras.optimizers.get(optimizer)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"cannot be created: {error}"
        raise wrong_value("optimizer", optimizer, problem, _EXPECTED) from error


def named_optimizer(
    name: str, learning_rate: Any, momentum: float = 0.9
) -> keras.optimizers.Optimizer:
    """Returns an optimizer of Keras; `"sgd"` alone gets Nesterov momentum."""
    if name.lower() == "sgd":
        return keras.optimizers.SGD(
            learning_rate, momentum=momentum, nesterov=momentum > 0
        )
    optimizer = check_optimizer(name)
    optimizer.learning_rate = learning_rate
    return optimizer
