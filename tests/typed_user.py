"""A user's script, for mypy alone: tests/test_contributing.py checks it."""

from typing import assert_type

import numpy as np

import keras_amto
from keras_amto.ledger import Finalists


def train(network: object, x: np.ndarray, y: np.ndarray) -> int:
    """Trains, and returns the task of the winner."""
    model = keras_amto.AMTOModel(network, num_tasks=4, transfer_interval=50)
    model.fit(x, y, callbacks=[keras_amto.AMTOCallback(patience=10)])
    assert_type(model.ledger, keras_amto.Ledger)
    assert_type(model.finalists, Finalists | None)
    best = model.best_task
    assert best is not None
    return best
