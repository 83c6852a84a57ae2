"""One arm on one seed of a comparison: its data, its networks, its test."""

import dataclasses
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_amto.callbacks import RoundCallback
from keras_amto.choices import ANSWERS
from keras_amto.experiments.data import Array
from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.experiment import Experiment
from keras_amto.experiments.population import Mix
from keras_amto.experiments.population import Trained
from keras_amto.experiments.population import train_population
from keras_amto.experiments.results import Result
from keras_amto.experiments.results import Run
from keras_amto.experiments.results import write_whole
from keras_amto.experiments.train import train_amto
from keras_amto.fit.events import DivergedError
from keras_amto.ledger import Product
from keras_amto.ledger import Record
from keras_amto.report import save_run

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
    test_set: LabelledArrays
    directory: pathlib.Path
    on_step: Callable[[int], None]

    def train(
        self,
        num_tasks: int,
        *,
        seed: int | None = None,
        answer: str = "winner",
        holds_out: bool = False,
        rate_factor: float = 1.0,
        predicts: bool = False,
        steps_before: int = 0,
        **settings: Any,
    ) -> dict[str, Run]:
        """Trains with AMTO, or the conventional way with one task.

        `seed` is for splits, batches and donors, by default the repetition's;
        `answer` is that of `AMTOCallback`; `steps_before` are steps that the
        arm has done before. The rest are arguments of `AMTOModel` and
        `Experiment.make_optimizer`. What AMTO leaves is written for
        `keras_amto report`.

        Returns:
            A run for each product that was evaluated.
        """
        experiment = self.experiment
        held_out = experiment.holdout_split if holds_out else 0.0
        settings |= {"holdout_split": held_out}
        network = experiment.start(self.seed)
        count = 1 if num_tasks == 1 else 2 * num_tasks
        begin = time.perf_counter()
        try:
            model = train_amto(
                network,
                *self.gross,
                experiment.make_optimizer(network, rate_factor, predicts),
                experiment.steps,
                {
                    "num_tasks": num_tasks,
                    "transfer_interval": experiment.transfer_interval,
                    "validation_split": experiment.validation_split,
                    "seed": self.seed if seed is None else seed,
                    **settings,
                },
                answer=answer,
                callbacks=[_ReportSteps(self.on_step, steps_before)],
                batch_size=experiment.batch_size,
                validation_batch_size=EVALUATION_BATCH,
                validation_freq=experiment.steps,  # rounds validate often
                verbose=0,
            )
        except DivergedError:
            cost = self.cost(count, time.perf_counter() - begin)
            return dict.fromkeys(ANSWERS, self._diverged(network, *cost))
        seconds = time.perf_counter() - begin
        finalists: Any = model.finalists
        networks = {
            each.name: model.get_answer(each.name)
            for each in finalists.products
        }
        runs = {
            each.name: self.finish(
                networks[each.name], *_figures(each), *self.cost(count, seconds)
            )
            for each in finalists.products
        }
        _release()
        if num_tasks > 1:
            about = {"arm": self.arm, "seed": self.seed}
            result = runs[answer].result
            save_run(
                self.directory / f"{self.arm}-seed_{self.seed}",
                about | experiment.settings() | settings,
                model.ledger,
                finalists,
                {"accuracy": result.test_accuracy, "loss": result.test_loss},
            )
        return runs

    def cost(
        self, networks: int, seconds: float, sequential: int = 1
    ) -> tuple[int, int, float]:
        """Returns the last figures of a `Result`.

        `networks` times the steps of one were made in all, and `sequential`
        times of them follow one another.
        """
        steps = self.experiment.steps
        return networks * steps, sequential * steps, seconds

    def train_on_everything(
        self,
        size: int = 1,
        *,
        times: int = 1,
        batches: int = 1,
        mix: Mix | None = None,
        mix_every: int = 1,
    ) -> Trained:
        """Trains networks on the whole gross set, without validation.

        `times` multiplies their steps, `batches` the size of their batches.
        """
        experiment = self.experiment
        steps = times * experiment.steps
        network = experiment.start(self.seed)
        return train_population(
            network,
            self.gross,
            experiment.make_optimizer(network, steps=steps),
            size=size,
            steps=steps,
            batch_size=min(batches * experiment.batch_size, len(self.gross.x)),
            interval=experiment.transfer_interval,
            seed=self.seed,
            mix=mix,
            mix_every=mix_every,
            on_step=self.on_step,
        )

    def shared(
        self, name: str, make: Callable[[], dict[str, Result]]
    ) -> dict[str, Result]:
        """Returns results that several arms share.

        They are made once and kept in a file until `forget`.
        """
        path = self._path(name).with_suffix(".json")
        if not path.exists():
            plain = {k: dataclasses.asdict(v) for k, v in make().items()}
            write_whole(path, json.dumps(plain).encode())
        found = json.loads(path.read_text("utf-8"))
        return {key: Result(**values) for key, values in found.items()}

    def independent(self, count: int) -> list[Run]:
        """Returns the first of the seed's independent conventional runs.

        Several arms share them. All start from the same weights; splits and
        batches differ. Each is trained once and kept in a file until `forget`.
        """
        paths = [self._path(f"run_{number}") for number in range(count)]
        for number, path in enumerate(paths):
            if not path.exists():
                seed = self.seed  # the first has AMTO's, and so its task 0
                if number:
                    sequence = np.random.SeedSequence([seed, number])
                    seed = int(sequence.generate_state(1)[0])
                done = number * self.experiment.steps
                runs = self.train(1, seed=seed, steps_before=done)
                runs["winner"].save(path)
        # Always read from the files, as a resumed comparison does.
        return [Run.load(path) for path in paths]

    def forget(self) -> None:
        """Removes the files of runs that arms share."""
        for path in self._path("").parent.glob(f"seed_{self.seed}-*"):
            path.unlink()

    def network_of(self, weights: list[Array]) -> keras.Model:
        """Returns a network with these weights."""
        network = self.experiment.start(self.seed)
        network.set_weights(weights)
        return network

    def test(self, weights: list[Array], *figures: Any) -> Result:
        """Measures a network that was not selected."""
        network = self.network_of(weights)
        result = self.finish(network, None, None, *figures).result
        _release()
        return result

    def finish(self, network: keras.Model, *figures: Any) -> Run:
        """Returns the run of a trained network."""
        predictions = predict(network, self.test_set.x)
        result = self.judge(predictions, *figures)
        return Run(result, predictions, network.get_weights())

    def _diverged(self, network: keras.Model, *cost: Any) -> Run:
        """The run of a network whose weights are not finite any more."""
        weights = [
            np.full_like(w, np.nan)
            if keras.backend.is_float_dtype(w.dtype.name)
            else w
            for w in network.get_weights()
        ]
        # As many as there are outputs; a rectifier would hide NaN in them.
        found = predict(network, self.test_set.x)
        predictions = np.full_like(found, np.nan)
        _release()
        result = self.judge(predictions, None, None, *cost)
        return Run(result, predictions, weights)

    def judge(self, predictions: Array, *figures: Any) -> Result:
        """Measures predictions; `figures` are the rest of a `Result`.

        What is not finite, as a network that has diverged answers, is wrong:
        no class gets any probability.
        """
        y = self.test_set.y
        known = np.asarray(np.isfinite(predictions).all(axis=1))
        predictions = np.where(known[:, None], predictions, 0)
        is_right = known & (predictions.argmax(axis=1) == y)
        right = predictions[np.arange(len(y)), y].astype(np.float64)
        epsilon = keras.config.epsilon()
        accuracy = float(is_right.mean())
        loss = float(-np.log(np.maximum(right, epsilon)).mean())
        return Result(self.seed, accuracy, loss, *figures)

    def _path(self, name: str) -> pathlib.Path:
        name = f"seed_{self.seed}-{name}.npz"
        return self.directory / "unfinished" / name


class _ReportSteps(RoundCallback):
    def __init__(self, on_step: Callable[[int], None], before: int) -> None:
        super().__init__()
        self._on_step = on_step
        self._before = before

    def on_round_end(self, round: int, record: Record) -> None:
        self._on_step(self._before + record.step)


def _figures(product: Product) -> tuple[float | None, float | None]:
    """The figures by which a product would be selected."""
    if product.clean_loss is not None:
        return product.clean_accuracy, product.clean_loss
    return product.harmonic_accuracy, float(product.losses.mean())


def _release() -> None:
    """Releases the memory of networks."""
    policy = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.config.set_dtype_policy(policy)  # which it resets


def predict(model: keras.Model, x: Array) -> Array:
    """Predicts without `predict`, which would trace or compile each network."""
    parts = []
    for first in range(0, len(x), EVALUATION_BATCH):
        batch = keras.ops.convert_to_tensor(x[first : first + EVALUATION_BATCH])
        parts.append(keras.ops.convert_to_numpy(model(batch, training=False)))
    return np.concatenate(parts).astype(np.float32)
