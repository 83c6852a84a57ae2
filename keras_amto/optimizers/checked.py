"""Optimizers as users pass them: instances, names or configurations."""

from typing import Any

import keras

from keras_amto.arguments import wrong_type

_EXPECTED = (
    "a keras.optimizers.Optimizer, its name, such as 'sgd', or a configuration"
)


def check_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """Returns `keras.optimizers.get(optimizer)`.

    Raises:
        TypeError: if it is not an optimizer, a name or a configuration.
        ValueError: if Keras has no such optimizer.
    """
    if not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise wrong_type("optimizer", optimizer, "an optimizer", _EXPECTED)
    try:
        return keras.optimizers.get(optimizer)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`optimizer` cannot be created: {error} "
            f"Received: optimizer={optimizer!r}. Expected: {_EXPECTED}."
        ) from error
