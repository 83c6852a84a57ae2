"""One arm on one seed of a comparison: its data, its networks, its test."""

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_amto.callbacks import RoundCallback
from keras_amto.experiments.data import Array
from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.experiment import Experiment
from keras_amto.experiments.results import Result
from keras_amto.experiments.results import Run
from keras_amto.experiments.train import LOSS
from keras_amto.experiments.train import train_amto
from keras_amto.ledger import Record
from keras_amto.report import save_run
from keras_amto.tasks import TrainingBatches

EVALUATION_BATCH = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Repetition:
    """One arm on one seed of a comparison.

    `directory` is that of the comparison; `on_step` is called with the number
    of training steps that the arm has done.
    """

    experiment: Experiment
    seed: int
    arm: str
    gross: LabelledArrays
    test: LabelledArrays
    directory: pathlib.Path
    on_step: Callable[[int], None]

    def train(
        self,
        num_tasks: int,
        *,
        seed: int | None = None,
        selection: str = "adaptive",
        holds_out: bool = False,
        rate_factor: float = 1.0,
        predicts: bool = False,
        steps_before: int = 0,
    ) -> Run:
        """Trains with AMTO, or the conventional way with one task.

        `seed` is for splits, batches and donors, by default the repetition's;
        `steps_before` are steps that the arm has done before. The rest are
        arguments of `AMTOModel` and `Experiment.make_optimizer`. What AMTO
        leaves is written for `keras_amto report`.
        """
        experiment = self.experiment
        settings = {
            "selection": selection,
            "holdout_split": experiment.holdout_split if holds_out else 0.0,
        }
        network = experiment.start(self.seed)
        begin = time.perf_counter()
        model = train_amto(
            network,
            *self.gross,
            experiment.make_optimizer(rate_factor, predicts),
            experiment.steps,
            {
                "num_tasks": num_tasks,
                "transfer_interval": experiment.transfer_interval,
                "validation_split": experiment.validation_split,
                "seed": self.seed if seed is None else seed,
                **settings,
            },
            callbacks=[_ReportSteps(self.on_step, steps_before)],
            batch_size=experiment.batch_size,
            validation_batch_size=EVALUATION_BATCH,
            validation_freq=experiment.steps,  # rounds validate often enough
            verbose=0,
        )
        seconds = time.perf_counter() - begin
        finalists: Any = model.finalists
        accuracies = finalists.harmonic_accuracies
        losses = finalists.losses.mean(axis=1)
        if finalists.clean_accuracies is not None:
            accuracies = finalists.clean_accuracies
            losses = finalists.clean_losses
        networks = 1 if num_tasks == 1 else 2 * num_tasks
        run = self.finish(
            model.best_model,
            float(accuracies[finalists.winner]),
            float(losses[finalists.winner]),
            networks * experiment.steps,
            seconds,
        )
        if num_tasks > 1:
            about = {"arm": self.arm, "seed": self.seed}
            result = run.result
            save_run(
                self.directory / f"{self.arm}-seed_{self.seed}",
                about | experiment.settings() | settings,
                model.ledger,
                finalists,
                {"accuracy": result.test_accuracy, "loss": result.test_loss},
            )
        return run

    def train_on_everything(self) -> Result:
        """Trains one network on the whole gross set, without validation."""
        experiment, gross = self.experiment, self.gross
        network = experiment.start(self.seed)
        network.compile(experiment.make_optimizer(), LOSS)
        everything = np.arange(len(gross.x))
        batches = TrainingBatches(
            everything, experiment.batch_size, task=0, seed=self.seed
        )
        begin = time.perf_counter()
        for step in range(experiment.steps):
            indices = batches.window(step, step + 1)[0]
            network.train_on_batch(gross.x[indices], gross.y[indices])
            self.on_step(step + 1)
        # As `keras.Model.fit` ends: with `use_ema` the averages take over.
        network.optimizer.finalize_variable_values(network.trainable_variables)
        seconds = time.perf_counter() - begin
        figures = None, None, experiment.steps, seconds
        return self.finish(network, *figures).result

    def independent(self, count: int) -> list[Run]:
        """Returns the first of the seed's independent conventional runs.

        Several arms share them. All start from the same weights; splits and
        batches differ. Each is trained once and kept in a file until `forget`.
        """
        paths = [self._path(number) for number in range(count)]
        for number, path in enumerate(paths):
            if not path.exists():
                seed = self.seed  # the first has AMTO's, and so its task 0
                if number:
                    sequence = np.random.SeedSequence([seed, number])
                    seed = int(sequence.generate_state(1)[0])
                done = number * self.experiment.steps
                self.train(1, seed=seed, steps_before=done).save(path)
        # Always read from the files, as a resumed comparison does.
        return [Run.load(path) for path in paths]

    def forget(self) -> None:
        """Removes the files of independent runs."""
        for path in self._path(0).parent.glob(self._path("*").name):
            path.unlink()

    def finish(self, network: keras.Model, *figures: Any) -> Run:
        """Returns the run of a trained network, and releases its memory."""
        predictions = _predict(network, self.test.x)
        result = self.judge(predictions, *figures)
        run = Run(result, predictions, network.get_weights())
        policy = keras.config.dtype_policy()
        keras.utils.clear_session()
        keras.config.set_dtype_policy(policy)  # which it resets
        return run

    def judge(self, predictions: Array, *figures: Any) -> Result:
        """Measures predictions; `figures` are the rest of a `Result`."""
        y = self.test.y
        right = predictions[np.arange(len(y)), y].astype(np.float64)
        epsilon = keras.config.epsilon()
        accuracy = float((predictions.argmax(axis=1) == y).mean())
        loss = float(-np.log(np.maximum(right, epsilon)).mean())
        return Result(self.seed, accuracy, loss, *figures)

    def _path(self, number: int | str) -> pathlib.Path:
        name = f"seed_{self.seed}-run_{number}.npz"
        return self.directory / "unfinished" / name


class _ReportSteps(RoundCallback):
    def __init__(self, on_step: Callable[[int], None], before: int) -> None:
        super().__init__()
        self._on_step = on_step
        self._before = before

    def on_round_end(self, round: int, record: Record) -> None:
        self._on_step(self._before + record.step)


def _predict(model: keras.Model, x: Array) -> Array:
    """Predicts without `predict`, which would trace or compile each network."""
    parts = []
    for first in range(0, len(x), EVALUATION_BATCH):
        batch = keras.ops.convert_to_tensor(x[first : first + EVALUATION_BATCH])
        parts.append(keras.ops.convert_to_numpy(model(batch, training=False)))
    return np.concatenate(parts).astype(np.float32)
