"""Algorithm 1: how M tasks train one network together.

Zhang, Qin, Pan, Sellis, IJCNN 2020, section III-B-2. The methods of `Fitting`
bear the names of its operations; all numbers come from `algorithm/`, all
training from an engine.
"""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import accepts
from keras_amto.algorithm import comparable_losses
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import draw_donors
from keras_amto.algorithm import initial_patience
from keras_amto.algorithm import random_stream
from keras_amto.algorithm import update_patience
from keras_amto.algorithm import update_relationships
from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import RoundCallback
from keras_amto.engines import Engine
from keras_amto.engines import Logs
from keras_amto.engines import Replica
from keras_amto.engines import current_learning_rate
from keras_amto.ledger import Record
from keras_amto.planning import FitPlan
from keras_amto.planning import Samples
from keras_amto.population import Population
from keras_amto.progress import Progress
from keras_amto.schedule import Execution
from keras_amto.schedule import executions
from keras_amto.selection import Finalists
from keras_amto.selection import tabulate


@dataclasses.dataclass(eq=False)
class _Trial:
    """A round's shadows, from reallocation until transfer is determined."""

    probabilities: npt.NDArray[np.float64]
    donors: npt.NDArray[np.int64]
    shadows: list[Replica]


class Fitting:
    """One call of `fit`.

    Args:
        plan: What to do.
        engine: Who trains.
        population: Where it starts.
        model: The `AMTOModel` that callbacks see.
        callbacks: The list of all callbacks.
        settings: The `AMTOCallback` among them.
        metric: The metric that selects the winner, `None` for the loss.
        steps_per_execution: How often a callback wants to look, or `None`.
        progress: Moves the progress bar.
        on_round: Takes the population and the ledger record of each finished
            round.
        show_champion: Puts a replica into the model that callbacks see.
    """

    def __init__(
        self,
        plan: FitPlan,
        engine: Engine,
        population: Population,
        model: keras.Model,
        callbacks: keras.callbacks.CallbackList,
        settings: AMTOCallback,
        metric: str | None,
        steps_per_execution: int | None,
        progress: Progress,
        on_round: Callable[[Population, Record], None],
        show_champion: Callable[[Replica], None],
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._model = model
        self._callbacks = callbacks
        self._settings = settings
        self._metric = metric
        self._steps_per_execution = steps_per_execution
        self._progress = progress
        self._on_round = on_round
        self._show_champion = show_champion

        num_tasks = len(plan.tasks)
        self._masters = list(population.masters)
        self._states = list(population.states)
        self._relationships = population.relationships
        self._step = population.step
        self._round = population.round
        self._trial: _Trial | None = None
        self._best = list(population.masters)
        self._patience = initial_patience(num_tasks)
        self._transfers = 0
        self._round_is_open = False
        # Logs of each task's replicas on D_m^v, `None` where out of date.
        self._master_logs: list[Logs | None] = [None] * num_tasks
        self._shadow_logs: list[Logs | None] = [None] * num_tasks
        # The latest that is known of each master, be it out of date.
        self._losses = np.full(num_tasks, np.inf)

        tasks = range(num_tasks)
        self._batches = [plan.training_batches(m) for m in tasks]
        self._validation_sets = [plan.validation_samples(m) for m in tasks]

    def run(self) -> Logs | None:
        """Trains until the last epoch or until a callback stops it.

        Returns:
            The logs of the last epoch, `None` if there was none.
        """
        plan, logs = self._plan, None
        for execution in executions(
            plan.epochs,
            plan.steps_per_epoch,
            plan.settings.transfer_interval,
            self._steps_per_execution,
        ):
            if execution.starts_epoch:
                self._begin_epoch(execution.epoch)
            if execution.starts_round:
                self._reallocate_knowledge()
            training_logs = self._train(execution)
            if execution.ends_round or self._model.stop_training:
                self._determine_transfer()
            if execution.ends_epoch or self._model.stop_training:
                logs = self._end_epoch(execution.epoch, training_logs)
            if self._model.stop_training:
                break
        if self._round_is_open:  # a callback stopped at the epoch's end
            self._determine_transfer()
        return logs

    def _begin_epoch(self, epoch: int) -> None:
        self._transfers = 0
        self._states = [self._engine.without_metrics(s) for s in self._states]
        self._callbacks.on_epoch_begin(epoch)
        self._progress.begin_epoch()

    def _reallocate_knowledge(self) -> None:
        """Each shadow starts from a donor's parameters (eq. 4, 5)."""
        self._round_is_open = True
        for callback in self._round_callbacks():
            callback.on_round_begin(self._round)
        if len(self._masters) == 1:
            return
        probabilities = donor_probabilities(
            self._relationships, self._plan.settings.selection
        )
        donors = draw_donors(
            probabilities,
            random_stream(
                self._plan.settings.seed, Purpose.DONORS, self._round
            ),
        )
        self._trial = _Trial(
            probabilities, donors, [self._masters[donor] for donor in donors]
        )

    def _train(self, execution: Execution) -> Logs:
        """Masters and shadows make the execution's steps on D_m^t."""
        begin, steps = execution.batch, execution.steps
        self._callbacks.on_train_batch_begin(begin)
        # Read here: callbacks may have set it since.
        learning_rate = current_learning_rate(self._model.optimizer)
        logs = []
        for m in range(len(self._masters)):
            trained = self._engine.train(
                self._replicas(m),
                self._states[m],
                self._plan.data,
                self._batches[m].window(self._step, self._step + steps),
                learning_rate,
                functools.partial(self._progress.training, begin, steps, m),
            )
            self._masters[m], *shadow = trained.replicas
            if self._trial is not None:
                (self._trial.shadows[m],) = shadow
            self._states[m] = trained.state
            self._master_logs[m] = self._shadow_logs[m] = None
            if execution.ends_round:
                # Here, while the workers still hold these replicas.
                self._validate(m)
            logs.append(trained.logs)
        self._step += steps
        mean = mean_logs(logs)
        self._callbacks.on_train_batch_end(begin + steps - 1, mean)
        return mean

    def _replicas(self, m: int) -> tuple[Replica, ...]:
        if self._trial is None:
            return (self._masters[m],)
        return (self._masters[m], self._trial.shadows[m])

    def _validate(self, m: int) -> None:
        """Evaluates a task's replicas on D_m^v, unless that is done."""
        if self._trial is None:
            self._validate_master(m)
        elif self._shadow_logs[m] is None:
            self._master_logs[m], self._shadow_logs[m] = self._evaluate(
                self._replicas(m), self._validation_sets[m]
            )

    def _validate_master(self, m: int) -> Logs:
        """Evaluates a task's master alone, unless that is done."""
        logs = self._master_logs[m]
        if logs is None:
            (logs,) = self._evaluate(
                (self._masters[m],), self._validation_sets[m]
            )
            self._master_logs[m] = logs
        self._losses[m] = logs["loss"]
        return logs

    def _determine_transfer(self) -> None:
        """Shadows replace masters, relationships move (Algorithm 1, 14-17)."""
        tasks = range(len(self._masters))
        for m in tasks:
            self._validate(m)
        trial, self._trial = self._trial, None
        master_losses = _losses_of(self._master_logs)
        shadow_losses = None
        accepted = np.zeros(len(tasks), dtype=bool)
        if trial is not None:
            shadow_losses = _losses_of(self._shadow_logs)
            accepted = accepts(master_losses, shadow_losses)
            self._relationships = update_relationships(
                self._relationships,
                trial.donors,
                master_losses,
                shadow_losses,
                self._plan.settings.relationship_decay,
            )
            for m in tasks:
                if accepted[m]:
                    self._masters[m] = trial.shadows[m]
                    self._master_logs[m] = self._shadow_logs[m]
        self._round_is_open = False
        self._losses = _losses_of(self._master_logs)
        self._transfers += int(accepted.sum())
        self._remember_best()
        record = Record(
            round=self._round,
            step=self._step,
            donors=None if trial is None else trial.donors,
            donor_probabilities=None if trial is None else trial.probabilities,
            master_losses=master_losses,
            shadow_losses=shadow_losses,
            accepted=accepted,
            relationships=self._relationships,
            wait=self._patience.wait,
        )
        self._round += 1
        self._on_round(self._population(), record)
        self._refuse_divergence(record)
        for callback in self._round_callbacks():
            callback.on_round_end(record.round, record)

    def _remember_best(self) -> None:
        self._patience = update_patience(
            self._patience, self._losses, self._settings.min_delta
        )
        for m, improved in enumerate(self._patience.improved):
            # Until a task has validated once with a finite loss, its last
            # network is the best there is.
            if improved or np.isinf(self._patience.best[m]):
                self._best[m] = self._masters[m]

    def _refuse_divergence(self, record: Record) -> None:
        if np.isfinite(self._losses).any():
            return
        raise RuntimeError(
            f"All {len(self._masters)} tasks have diverged: after round "
            f"{record.round} (step {record.step}) no validation loss is "
            f"finite. Received: master losses {record.master_losses.tolist()}. "
            "Expected: at least one finite loss; lower the learning rate, or "
            "look for NaN in the data. The model keeps its last champion."
        )

    def _end_epoch(self, epoch: int, training_logs: Logs) -> Logs:
        logs = dict(training_logs)
        if self._plan.validates_after(epoch):
            validation_logs = self._validation_logs()
            logs |= {f"val_{k}": v for k, v in validation_logs.items()}
        else:
            self._show_champion(self._masters[self._champion()])
        logs["transfers"] = self._transfers
        self._progress.end_epoch()
        self._callbacks.on_epoch_end(epoch, logs)
        return logs

    def _validation_logs(self) -> Logs:
        """The epoch's validation, with the hooks that Keras calls for it."""
        self._callbacks.on_test_begin()
        batch, logs = 0, []
        for m, samples in enumerate(self._validation_sets):
            self._callbacks.on_test_batch_begin(batch)
            logs.append(self._validate_master(m))
            batch += len(samples.batches)
            self._callbacks.on_test_batch_end(batch - 1, logs[-1])
        champion = self._masters[self._champion()]
        self._show_champion(champion)
        mean = mean_logs(logs)
        if self._plan.validation_data is not None:
            (mean,) = self._evaluate((champion,), self._plan.validation_data)
        self._callbacks.on_test_end(mean)
        return mean

    def _champion(self) -> int:
        """The task whose master did best on its own set, as far as known."""
        return int(np.argmin(comparable_losses(self._losses)))

    def _evaluate(
        self, replicas: tuple[Replica, ...], samples: Samples
    ) -> tuple[Logs, ...]:
        return self._engine.evaluate(
            replicas, samples.data, samples.batches, self._progress.tick
        )

    def select(self) -> tuple[Replica, Finalists]:
        """Evaluates every candidate on every validation set, and chooses.

        Returns:
            The winner's replica and the table it was chosen from.
        """
        candidates = [
            self._engine.finalize(replica)
            for replica in (
                self._best
                if self._settings.restore_best_weights
                else self._masters
            )
        ]
        sets = list(self._validation_sets)
        clean = self._plan.clean_set
        if clean is not None:
            sets.append(clean)
        logs: list[list[Logs]] = []
        pairs = [
            tuple(candidates[m : m + 2]) for m in range(0, len(candidates), 2)
        ]  # two at a time, as the engine's workers stand
        with self._progress.selecting(len(pairs) * len(sets)) as evaluated:
            for pair in pairs:
                columns = []
                for samples in sets:
                    columns.append(self._evaluate(pair, samples))
                    evaluated()
                logs.extend(list(row) for row in zip(*columns, strict=True))
        num_tasks = len(candidates)
        finalists = tabulate(
            [row[:num_tasks] for row in logs],
            None if clean is None else [row[-1] for row in logs],
            self._metric,
        )
        return candidates[finalists.winner], finalists

    def _population(self) -> Population:
        return Population(
            masters=tuple(self._masters),
            states=tuple(self._states),
            relationships=self._relationships,
            step=self._step,
            round=self._round,
        )

    def _round_callbacks(self) -> list[RoundCallback]:
        return [
            callback
            for callback in self._callbacks.callbacks
            if isinstance(callback, RoundCallback)
        ]


def mean_logs(logs: Sequence[Logs]) -> Logs:
    """Averages the logs of several tasks, key by key."""
    return {
        name: _plain(np.mean([entry[name] for entry in logs], axis=0))
        for name in logs[0]
    }


def _losses_of(logs: Sequence[Logs | None]) -> npt.NDArray[np.float64]:
    return np.array([np.inf if e is None else e["loss"] for e in logs])


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value
