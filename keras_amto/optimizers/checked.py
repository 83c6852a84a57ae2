"""Optimizers as users give them: instances, names or configurations."""

from typing import Any

import keras

from keras_amto.arguments import wrong_type

_EXPECTED = (
    "a keras.optimizers.Optimizer, or the name of one, such as 'sgd', or its "
    "configuration"
)


def check_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """Returns the optimizer that `keras.optimizers.get` makes of something.

    Args:
        optimizer: An optimizer, its name, or its configuration.

    Raises:
        TypeError: if it is none of these.
        ValueError: if Keras has no such optimizer.
    """
    if not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise wrong_type("optimizer", optimizer, "an optimizer", _EXPECTED)
    try:
        return keras.optimizers.get(optimizer)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`optimizer` cannot be made: {error} "
            f"Received: optimizer={optimizer!r}. Expected: {_EXPECTED}."
        ) from error
