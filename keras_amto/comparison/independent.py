"""Independent conventional runs, which several arms share."""

import dataclasses
import io
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_amto.comparison.experiment import Array
from keras_amto.comparison.experiment import Experiment
from keras_amto.comparison.experiment import Samples
from keras_amto.comparison.files import write_whole
from keras_amto.comparison.optimizers import copy_of
from keras_amto.comparison.training import OnProgress
from keras_amto.comparison.training import predict
from keras_amto.comparison.training import train_tasks


@dataclasses.dataclass(frozen=True, eq=False)
class IndependentRun:
    """The outcome of one conventional run.

    Attributes:
        weights: List of arrays, of the network of lowest validation loss.
        predictions: Array of shape `(test samples, classes)`.
        validation_accuracy: Float, on its own validation set.
        validation_loss: Float, likewise.
        seconds: Float.
    """

    weights: list[Array]
    predictions: Array
    validation_accuracy: float
    validation_loss: float
    seconds: float


class IndependentRuns:
    """The independent runs of a seed, each trained once and kept in a file.

    The first is the arm `sto`. All start from the same weights; splits and
    batches differ.

    Args:
        experiment: What all arms have in common.
        seed: Integer.
        gross: The gross training set.
        test: The test set.
        directory: Where to keep runs until no arm needs them.
    """

    def __init__(
        self,
        experiment: Experiment,
        seed: int,
        gross: Samples,
        test: Samples,
        directory: pathlib.Path,
    ) -> None:
        self._experiment = experiment
        self._seed = seed
        self._gross = gross
        self._test = test
        self._directory = directory

    def first(
        self, count: int, on_progress: OnProgress
    ) -> Iterator[IndependentRun]:
        """Yields the first runs, training those that are not there yet.

        Args:
            count: Integer.
            on_progress: Called with the steps of all of them.
        """
        for number in range(count):
            path = self._path(number)
            if not path.exists():
                _save(path, self._train(number, on_progress))
            # Read back, so that a resumed comparison sees the same.
            yield _load(path)

    def forget(self) -> None:
        """Removes the files."""
        for path in self._directory.glob(self._path("*").name):
            path.unlink()

    def _path(self, number: Any) -> pathlib.Path:
        return self._directory / f"seed_{self._seed}-run_{number}.npz"

    def _train(self, number: int, on_progress: OnProgress) -> IndependentRun:
        experiment = self._experiment
        before = number * experiment.steps
        trained = train_tasks(
            experiment,
            self._gross,
            experiment.start_of(self._seed),
            num_tasks=1,
            seed=_seed_of(self._seed, number),
            optimizer=copy_of(experiment.optimizer),
            on_progress=lambda steps: on_progress(before + steps),
        )
        run = IndependentRun(
            trained.model.get_weights(),
            predict(trained.model, self._test.x),
            float(trained.validation_accuracy or 0.0),
            float(trained.validation_loss or 0.0),
            trained.seconds,
        )
        del trained
        clear_memory()
        return run


def clear_memory() -> None:
    """Lets go of models that were made and are no longer used."""
    policy = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.config.set_dtype_policy(policy)  # it would be forgotten


def _seed_of(seed: int, number: int) -> int:
    """The seed of a run; the first has that of AMTO, and so its task 0."""
    if number == 0:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _save(path: pathlib.Path, run: IndependentRun) -> None:
    file = io.BytesIO()
    figures = [run.validation_accuracy, run.validation_loss, run.seconds]
    arrays: dict[str, Any] = {
        "predictions": run.predictions,
        "figures": np.array(figures),
    }
    for i, weight in enumerate(run.weights):
        arrays[f"weight_{i}"] = weight
    np.savez(file, **arrays)
    write_whole(path, file.getvalue())


def _load(path: pathlib.Path) -> IndependentRun:
    with np.load(path) as file:
        count = sum(name.startswith("weight_") for name in file.files)
        return IndependentRun(
            [file[f"weight_{i}"] for i in range(count)],
            file["predictions"],
            *map(float, file["figures"]),
        )
