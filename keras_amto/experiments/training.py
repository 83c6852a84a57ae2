"""Training a network with AMTO: the same way in `train` and in `compare`."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.callbacks import AMTOCallback
from keras_amto.model import AMTOModel

LOSS = "sparse_categorical_crossentropy"


def train_amto(
    network: keras.Model,
    x: Any,
    y: Any,
    optimizer: keras.optimizers.Optimizer,
    max_steps: int,
    settings: Mapping[str, Any],
    *,
    patience: int | None = None,
    stop_when: str = "any",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **fit_arguments: Any,
) -> AMTOModel:
    """Trains a classifier with AMTO, or the conventional way with one task.

    Args:
        network: A network that returns probabilities.
        x: As in `fit`, like `y`.
        y: As in `fit`.
        optimizer: The optimizer.
        max_steps: As in `AMTOCallback`, like `patience` and `stop_when`.
        settings: More arguments of `AMTOModel`.
        patience: Defaults to `None`, never stop early.
        stop_when: Defaults to `"any"`.
        callbacks: More callbacks for `fit`.
        **fit_arguments: More arguments of `fit`.
    """
    model = AMTOModel(network, **settings)
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    stop = AMTOCallback(patience, stop_when, max_steps=max_steps)
    model.fit(
        x,
        y,
        epochs=max_steps,  # an upper bound: `AMTOCallback` ends training
        callbacks=[stop, *callbacks],
        **fit_arguments,
    )
    return model
