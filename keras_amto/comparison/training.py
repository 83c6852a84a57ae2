"""Training one network, or M tasks, for one seed."""

import time
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import RoundCallback
from keras_amto.comparison.experiment import Experiment
from keras_amto.comparison.experiment import Samples
from keras_amto.comparison.optimizers import copy_of
from keras_amto.ledger import Record
from keras_amto.model import AMTOModel
from keras_amto.tasks import TrainingBatches

OnProgress = Callable[[int], None]  # gets the training steps done

LOSS = "sparse_categorical_crossentropy"
EVALUATION_BATCH = 256


class Trained(NamedTuple):
    """A network that was trained and selected.

    Attributes:
        model: The `keras.Model`.
        validation_accuracy: Float, the figure it was selected by, or `None`
            where nothing was selected.
        validation_loss: Float, likewise.
        training_steps: Integer, of all networks that were trained for it.
        seconds: Float, of training and selecting.
        run: The `AMTOModel`, or `None`.
    """

    model: keras.Model
    validation_accuracy: float | None
    validation_loss: float | None
    training_steps: int
    seconds: float
    run: AMTOModel | None


def train_tasks(
    experiment: Experiment,
    gross: Samples,
    start: keras.Model,
    num_tasks: int,
    seed: int,
    optimizer: keras.optimizers.Optimizer,
    on_progress: OnProgress,
    **settings: Any,
) -> Trained:
    """Trains with AMTO, or the conventional way with one task.

    Args:
        experiment: What all arms have in common.
        gross: The gross training set.
        start: The network to start from, which becomes the winner's.
        num_tasks: Integer, M.
        seed: Integer, for splits, batches and donors.
        optimizer: The optimizer.
        on_progress: Called after each round.
        **settings: For `AMTOModel`.
    """
    model = AMTOModel(
        start,
        num_tasks=num_tasks,
        transfer_interval=experiment.transfer_interval,
        validation_split=experiment.validation_split,
        seed=seed,
        **settings,
    )
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    begin = time.perf_counter()
    model.fit(
        *gross,
        batch_size=experiment.batch_size,
        validation_batch_size=EVALUATION_BATCH,
        epochs=experiment.steps,  # as many as there can be
        validation_freq=experiment.steps,  # that of rounds is enough
        verbose=0,
        callbacks=[
            AMTOCallback(patience=None, max_steps=experiment.steps),
            _Progress(on_progress),
        ],
    )
    seconds = time.perf_counter() - begin
    finalists = model.finalists
    if finalists is None or finalists.harmonic_accuracies is None:
        raise RuntimeError("A fit with accuracy has left no table.")
    winner = finalists.winner
    accuracy = finalists.harmonic_accuracies[winner]
    loss = finalists.losses[winner].mean()
    if (
        finalists.clean_accuracies is not None
        and finalists.clean_losses is not None
    ):
        accuracy = finalists.clean_accuracies[winner]
        loss = finalists.clean_losses[winner]
    replicas = 1 if num_tasks == 1 else 2 * num_tasks
    return Trained(
        model.best_model,
        float(accuracy),
        float(loss),
        replicas * experiment.steps,
        seconds,
        model,
    )


class _Progress(RoundCallback):
    def __init__(self, on_progress: OnProgress) -> None:
        super().__init__()
        self._on_progress = on_progress

    def on_round_end(self, round: int, record: Record) -> None:
        self._on_progress(record.step)


def train_on_everything(
    experiment: Experiment,
    gross: Samples,
    start: keras.Model,
    seed: int,
    on_progress: OnProgress,
) -> Trained:
    """Trains one network on the whole gross set, without validation.

    Args:
        experiment: What all arms have in common.
        gross: The gross training set.
        start: The network to start from.
        seed: Integer, for the batches.
        on_progress: Called from time to time.
    """
    start.compile(copy_of(experiment.optimizer), LOSS, metrics=["accuracy"])
    batches = TrainingBatches(
        np.arange(len(gross.x)), experiment.batch_size, task=0, seed=seed
    )
    begin = time.perf_counter()
    steps, chunk = experiment.steps, experiment.transfer_interval
    for first in range(0, steps, chunk):
        window = batches.window(first, min(first + chunk, steps))
        for batch in range(len(window)):
            indices = window[batch]
            start.train_on_batch(gross.x[indices], gross.y[indices])
        on_progress(first + len(window))
    # As `keras.Model.fit` ends: with `use_ema` the averages take over.
    start.optimizer.finalize_variable_values(start.trainable_variables)
    seconds = time.perf_counter() - begin
    return Trained(start, None, None, steps, seconds, None)


def predict(model: keras.Model, x: Any) -> npt.NDArray[np.float32]:
    """Returns a network's probabilities for some inputs.

    Not by `keras.Model.predict`, which is traced or compiled anew for each
    network, and each is used once.
    """
    parts = []
    for first in range(0, len(x), EVALUATION_BATCH):
        batch = keras.ops.convert_to_tensor(x[first : first + EVALUATION_BATCH])
        parts.append(keras.ops.convert_to_numpy(model(batch, training=False)))
    return np.concatenate(parts).astype(np.float32)
