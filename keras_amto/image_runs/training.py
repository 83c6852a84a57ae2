"""Training tasks on images."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_amto.callbacks import AMTOCallback
from keras_amto.model import AMTOModel
from keras_amto.run_settings import RunSettings
from keras_amto.tasks import in_order
from keras_amto.tasks import read_gross_set


def train_tasks(
    network: keras.Model,
    images: Any,
    settings: RunSettings,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = 1,
) -> AMTOModel:
    """Trains a classifier with AMTO, or the conventional way with one task.

    Args:
        network: A network that answers with probabilities.
        images: A dataset of images and class indices.
        settings: The settings.
        callbacks: More callbacks for `fit`.
        verbose: As in `fit`. Defaults to `1`, a progress bar.

    Returns:
        The fitted `AMTOModel`.
    """
    model = AMTOModel(
        network,
        num_tasks=settings.num_tasks,
        transfer_interval=settings.transfer_interval,
        validation_split=settings.validation_split,
        holdout_split=settings.holdout_split,
        seed=settings.seed,
        memory_limit=settings.memory_limit,
        cache_dir=settings.cache_dir,
        augment=(
            keras.layers.RandomFlip("horizontal") if settings.flip else None
        ),
    )
    model.compile(
        settings.make_optimizer(),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        images,
        batch_size=settings.batch_size,
        epochs=settings.max_steps,  # as many as there can be
        verbose=verbose,
        callbacks=[
            AMTOCallback(
                settings.patience,
                settings.stop_when,
                max_steps=settings.max_steps,
            ),
            *callbacks,
        ],
    )
    return model


class TestImages:
    """Images that no task sees, read before training.

    So a file that cannot be decoded is known, and named, before hours of
    training rather than after.

    Args:
        images: A dataset of images and class indices.
        settings: Where to keep them.
    """

    __test__ = False  # not one of pytest's

    def __init__(self, images: Any, settings: RunSettings) -> None:
        self._data, self._batch_size = read_gross_set(
            images,
            memory_limit=settings.memory_limit,
            cache_dir=settings.cache_dir,
        )
        self.size = self._data.size

    def evaluate(self, model: keras.Model) -> dict[str, float]:
        """Returns a model's loss and metrics by name."""
        batches = in_order(np.arange(self.size), self._batch_size or 32)
        metrics = model.evaluate(
            (
                self._data.batch(batches[number]).arrays
                for number in range(len(batches))
            ),
            steps=len(batches),
            verbose=0,
            return_dict=True,
        )
        return {name: float(value) for name, value in metrics.items()}
