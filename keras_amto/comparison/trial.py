"""One seed of a comparison, and judging what came of it."""

import dataclasses
import pathlib

import keras
import numpy as np

from keras_amto.comparison.experiment import Array
from keras_amto.comparison.experiment import Experiment
from keras_amto.comparison.experiment import Samples
from keras_amto.comparison.independent import IndependentRuns
from keras_amto.comparison.independent import clear_memory
from keras_amto.comparison.results import Result
from keras_amto.comparison.training import Trained
from keras_amto.comparison.training import predict


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One seed, as every arm finds it.

    Attributes:
        experiment: What all arms have in common.
        seed: Integer.
        gross: The gross training set.
        test: The test set, which selects nothing.
        runs: The independent runs.
        directory: Where an arm may leave what pictures need.
    """

    experiment: Experiment
    seed: int
    gross: Samples
    test: Samples
    runs: IndependentRuns
    directory: pathlib.Path


def judge(
    trial: Trial,
    predictions: Array,
    accuracy: float | None,
    loss: float | None,
    steps: int,
    seconds: float,
) -> Result:
    """Measures predictions on the test set.

    Args:
        trial: The seed.
        predictions: Array of shape `(test samples, classes)`.
        accuracy: Float, the figure of selection, or `None`.
        loss: Float, likewise.
        steps: Integer, of all networks that were trained.
        seconds: Float, likewise.
    """
    y = trial.test.y
    right = predictions[np.arange(len(y)), y].astype(np.float64)
    epsilon = keras.config.epsilon()
    return Result(
        seed=trial.seed,
        test_accuracy=float((predictions.argmax(axis=1) == y).mean()),
        test_loss=float(-np.log(np.maximum(right, epsilon)).mean()),
        validation_accuracy=accuracy,
        validation_loss=loss,
        training_steps=steps,
        seconds=seconds,
    )


def judge_trained(trial: Trial, trained: Trained) -> Result:
    """Measures a network on the test set, and lets go of it."""
    result = judge(
        trial,
        predict(trained.model, trial.test.x),
        trained.validation_accuracy,
        trained.validation_loss,
        trained.training_steps,
        trained.seconds,
    )
    clear_memory()
    return result
