"""Rounds for TensorBoard, beside what Keras' own callback writes."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import donor_entropy
from keras_amto.callbacks.round_callback import RoundCallback
from keras_amto.ledger import Record

_CELL = 16  # pixels


class TensorBoardRounds(RoundCallback):
    """Writes what happened in each round, against the training step.

    `fit` adds one for each `keras.callbacks.TensorBoard` that it is given. It
    writes its own run, `rounds`, beside `train` and `validation`.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        super().__init__()
        self.log_dir: str = os.fspath(log_dir)
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        # Keras' TensorBoard callback needs TensorFlow on any backend.
        from tensorflow import summary

        path = os.path.join(self.log_dir, "rounds")
        self._writer = summary.create_file_writer(path)

    def on_round_end(self, round: int, record: Record) -> None:
        from tensorflow import summary

        # `record_if`, because Keras' callback switches recording on and off.
        with self._writer.as_default(record.step), summary.record_if(True):
            for name, value in scalars(record).items():
                summary.scalar(name, value)
            if record.donors is not None:
                summary.image("relationships", picture(record.relationships))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._writer.close()


def scalars(record: Record) -> dict[str, float]:
    """Returns the scalars of a round, whose names docs/pictures.md explains."""
    values: dict[str, float] = {}
    masters, shadows = record.master_losses, record.shadow_losses
    for task, accepted in enumerate(record.accepted):
        prefix = f"task_{task:02d}"
        kept = shadows if accepted and shadows is not None else masters
        values[f"{prefix}/val_loss"] = float(kept[task])
        if shadows is not None:
            values[f"{prefix}/shadow_loss"] = float(shadows[task])
            values[f"{prefix}/accepted"] = float(accepted)
    if record.donor_probabilities is not None:
        values["acceptance"] = float(record.accepted.mean())
        entropy = donor_entropy(record.donor_probabilities)
        values["entropy"] = float(entropy.mean())
    return values


def picture(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Returns a matrix as a grey image, from 0, its lowest value, to 1."""
    low, high = matrix.min(), matrix.max()
    grey = (matrix - low) / (high - low) if high > low else 0 * matrix + 0.5
    pixels = np.kron(grey, np.ones((_CELL, _CELL)))
    return np.asarray(pixels[None, :, :, None], np.float32)
