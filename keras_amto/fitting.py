"""Algorithm 1: how M tasks train one network together.

Zhang, Qin, Pan, Sellis, IJCNN 2020, section III-B-2. The methods of `Fitting`
bear the names of its operations; all numbers come from `algorithm/`, all
training from an engine.
"""

import dataclasses
import functools

import keras
import numpy as np

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import accepts
from keras_amto.algorithm import comparable_losses
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import draw_donors
from keras_amto.algorithm import initial_patience
from keras_amto.algorithm import random_stream
from keras_amto.algorithm import update_patience
from keras_amto.algorithm import update_relationships
from keras_amto.backup.keeper import BackupKeeper
from keras_amto.backup.run_state import RunState
from keras_amto.backup.run_state import Trial
from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import RoundCallback
from keras_amto.callbacks.states import restore_states
from keras_amto.callbacks.states import states_of
from keras_amto.engines import Engine
from keras_amto.engines import Logs
from keras_amto.engines import Replica
from keras_amto.engines import current_learning_rate
from keras_amto.ledger import Record
from keras_amto.planning import FitPlan
from keras_amto.population import Population
from keras_amto.progress import Progress
from keras_amto.schedule import Execution
from keras_amto.schedule import executions
from keras_amto.session import Session
from keras_amto.validation import Validation
from keras_amto.validation import mean_logs


class Fitting:
    """One call of `fit`.

    Args:
        plan: What to do.
        session: Where the population comes from and goes to, round by round.
        engine: Who trains.
        population: Where training starts.
        model: The `AMTOModel` that callbacks see.
        callbacks: The list of all callbacks.
        settings: The `AMTOCallback` among them.
        steps_per_execution: How often a callback wants to look, or `None`.
        progress: Moves the progress bar.
        keeper: Keeps backups, or `None`.
    """

    def __init__(
        self,
        plan: FitPlan,
        session: Session,
        engine: Engine,
        population: Population,
        model: keras.Model,
        callbacks: keras.callbacks.CallbackList,
        settings: AMTOCallback,
        steps_per_execution: int | None,
        progress: Progress,
        keeper: BackupKeeper | None,
    ) -> None:
        self._plan = plan
        self._session = session
        self._engine = engine
        self._model = model
        self._callbacks = callbacks
        self._settings = settings
        self._steps_per_execution = steps_per_execution
        self._progress = progress
        self._keeper = keeper

        self._tasks = range(len(plan.tasks))
        self._batches = [plan.training_batches(m) for m in self._tasks]
        self._validation = Validation(
            engine,
            [plan.validation_samples(m) for m in self._tasks],
            progress.tick,
        )
        self._masters = list(population.masters)
        self._states = list(population.states)
        self._relationships = population.relationships
        self._step = population.step
        self._round = population.round
        self._trial: Trial | None = None
        self._best = list(population.masters)
        self._patience = initial_patience(len(self._tasks))
        self._transfers = 0
        self._first_step = population.step
        self._logs: Logs | None = None

    @property
    def candidates(self) -> list[Replica]:
        """Each task's network among which the winner is chosen."""
        if self._settings.restore_best_weights:
            return self._best
        return self._masters

    def run(self) -> Logs | None:
        """Trains until the last epoch or until a callback stops it.

        Returns:
            The logs of the last epoch, `None` if there was none.
        """
        plan, keeper = self._plan, self._keeper
        for execution in executions(
            plan.epochs,
            plan.steps_per_epoch,
            plan.settings.transfer_interval,
            steps_per_execution=self._steps_per_execution,
            stop_every=None if keeper is None else keeper.every,
            first_step=self._step - self._first_step,
        ):
            if execution.starts_epoch:
                self._begin_epoch(execution.epoch)
            if execution.starts_round:
                self._begin_round()
                self._reallocate_knowledge()
            training_logs = self._train(execution)
            if execution.ends_round or self._model.stop_training:
                self._determine_transfer()
            if execution.ends_epoch or self._model.stop_training:
                self._logs = self._end_epoch(execution.epoch, training_logs)
            if self._model.stop_training:
                break
            if keeper is not None:
                step = self._step - self._first_step
                keeper.after(execution, step, self._capture)
        if self._session.round_is_open:  # stopped at the end of an epoch
            self._determine_transfer()
        return self._logs

    def _capture(self) -> RunState:
        """Returns everything that the run is made of."""
        session = self._session
        return RunState(
            now=self._population(),
            last_round=session.last_round,
            round_is_open=session.round_is_open,
            trial=self._trial,
            best=tuple(self._best),
            patience=self._patience,
            losses=self._validation.losses.copy(),
            transfers=self._transfers,
            logs=self._logs,
            records=tuple(session.records),
            shown=session.shown(),
            learning_rate=current_learning_rate(self._model.optimizer),
            callbacks=states_of(self._callbacks.callbacks),
            history={
                "epoch": list(self._model.history.epoch),
                "history": {
                    name: list(values)
                    for name, values in self._model.history.history.items()
                },
            },
        )

    def restore(self, state: RunState) -> None:
        """Continues from a backup, after `on_train_begin`."""
        # First, since it can refuse: nothing is half restored.
        restore_states(self._callbacks.callbacks, state.callbacks)
        self._masters = list(state.now.masters)
        self._states = list(state.now.states)
        self._relationships = state.now.relationships
        self._step = state.now.step
        self._round = state.now.round
        self._trial = state.trial
        self._best = list(state.best)
        self._patience = state.patience
        self._validation.losses = state.losses
        self._transfers = state.transfers
        self._logs = state.logs
        self._session.restore(
            state.last_round, state.records, state.round_is_open, state.shown
        )
        if state.learning_rate is not None:
            self._model.optimizer.learning_rate = state.learning_rate
        history = self._model.history
        history.epoch = list(state.history["epoch"])
        history.history = dict(state.history["history"])

    def _population(self) -> Population:
        return Population(
            masters=tuple(self._masters),
            states=tuple(self._states),
            relationships=self._relationships,
            step=self._step,
            round=self._round,
        )

    def _begin_epoch(self, epoch: int) -> None:
        self._transfers = 0
        self._states = [self._engine.without_metrics(s) for s in self._states]
        self._callbacks.on_epoch_begin(epoch)
        self._progress.begin_epoch()

    def _begin_round(self) -> None:
        for callback in self._round_callbacks():
            callback.on_round_begin(self._round)
        # Taken anew: between two rounds a callback may have set weights.
        masters = self._session.begin_round().masters
        for m in self._tasks:
            if masters[m] is not self._masters[m]:
                self._masters[m] = masters[m]
                self._validation.forget(m)

    def _reallocate_knowledge(self) -> None:
        """Each shadow starts from a donor's parameters (eq. 4, 5)."""
        if len(self._tasks) == 1:
            return
        settings = self._plan.settings
        probabilities = donor_probabilities(
            self._relationships, settings.selection
        )
        donors = draw_donors(
            probabilities,
            random_stream(settings.seed, Purpose.DONORS, self._round),
        )
        self._trial = Trial(
            probabilities,
            donors,
            tuple(self._masters[donor] for donor in donors),
        )

    def _train(self, execution: Execution) -> Logs:
        """Masters and shadows make the execution's steps on D_m^t."""
        begin, steps = execution.batch, execution.steps
        self._callbacks.on_train_batch_begin(begin)
        # Read here: callbacks may have set it since.
        learning_rate = current_learning_rate(self._model.optimizer)
        logs, shadows = [], []
        for m in self._tasks:
            trained = self._engine.train(
                self._replicas(m),
                self._states[m],
                self._plan.training_data,
                self._batches[m].window(self._step, self._step + steps),
                learning_rate,
                functools.partial(self._progress.training, begin, steps, m),
            )
            self._validation.forget(m)
            if execution.ends_round:
                # Here, while the workers still hold these replicas.
                self._validation.of_replicas(m, trained.replicas)
            self._masters[m], *shadow = trained.replicas
            shadows.extend(shadow)
            self._states[m] = trained.state
            logs.append(trained.logs)
        if self._trial is not None:
            self._trial = dataclasses.replace(
                self._trial, shadows=tuple(shadows)
            )
        self._step += steps
        mean = mean_logs(logs)
        if self._steps_per_execution is not None:
            self._show_champion()  # somebody looks
        self._callbacks.on_train_batch_end(begin + steps - 1, mean)
        return mean

    def _replicas(self, m: int) -> tuple[Replica, ...]:
        if self._trial is None:
            return (self._masters[m],)
        return (self._masters[m], self._trial.shadows[m])

    def _determine_transfer(self) -> None:
        """Shadows replace masters, relationships move (Algorithm 1, 14-17)."""
        for m in self._tasks:
            self._validation.of_replicas(m, self._replicas(m))
        trial, self._trial = self._trial, None
        master_losses = self._validation.master_losses()
        shadow_losses = None
        accepted = np.zeros(len(self._tasks), dtype=bool)
        if trial is not None:
            shadow_losses = self._validation.shadow_losses()
            accepted = accepts(master_losses, shadow_losses)
            self._relationships = update_relationships(
                self._relationships,
                trial.donors,
                master_losses,
                shadow_losses,
                self._plan.settings.relationship_decay,
            )
            self._masters = [
                trial.shadows[m] if accepted[m] else self._masters[m]
                for m in self._tasks
            ]
        self._validation.settle(accepted)
        self._transfers += int(accepted.sum())
        self._remember_best()
        self._end_round(
            Record(
                round=self._round,
                step=self._step,
                donors=None if trial is None else trial.donors,
                donor_probabilities=(
                    None if trial is None else trial.probabilities
                ),
                master_losses=master_losses,
                shadow_losses=shadow_losses,
                accepted=accepted,
                relationships=self._relationships,
                wait=self._patience.wait,
            )
        )

    def _remember_best(self) -> None:
        self._patience = update_patience(
            self._patience, self._validation.losses, self._settings.min_delta
        )
        for m, improved in enumerate(self._patience.improved):
            # Until a task has validated once with a finite loss, its last
            # network is the best there is.
            if improved or np.isinf(self._patience.best[m]):
                self._best[m] = self._masters[m]

    def _end_round(self, record: Record) -> None:
        self._round += 1
        diverged = not np.isfinite(self._validation.losses).any()
        self._session.end_round(
            self._population(), record, keep_masters=diverged
        )
        if self._keeper is not None:
            self._keeper.append(record)
        if diverged:
            raise RuntimeError(
                f"All {len(self._tasks)} tasks have diverged: after round "
                f"{record.round} (step {record.step}) no validation loss is "
                "finite. Received: master losses "
                f"{record.master_losses.tolist()}. Expected: at least one "
                "finite loss; lower the learning rate, or look for NaN in the "
                "data. The model keeps its last champion, and the tasks keep "
                "the networks of the round before."
            )
        callbacks = self._round_callbacks()
        if callbacks != [self._settings]:
            self._show_champion()  # somebody looks
        for callback in callbacks:
            callback.on_round_end(record.round, record)

    def _end_epoch(self, epoch: int, training_logs: Logs) -> Logs:
        logs = dict(training_logs)
        if self._plan.validates_after(epoch):
            validation_logs = self._validation_logs()
            logs |= {f"val_{k}": v for k, v in validation_logs.items()}
        else:
            self._show_champion()
        logs["transfers"] = self._transfers
        self._progress.end_epoch()
        self._callbacks.on_epoch_end(epoch, logs)
        return logs

    def _validation_logs(self) -> Logs:
        """The epoch's validation, with the hooks that Keras calls for it."""
        self._callbacks.on_test_begin()
        batch, logs = 0, []
        for m in self._tasks:
            self._callbacks.on_test_batch_begin(batch)
            logs.append(self._validation.of_master(m, self._masters[m]))
            batch += len(self._validation.sets[m].batches)
            self._callbacks.on_test_batch_end(batch - 1, logs[-1])
        champion = self._show_champion()
        mean = mean_logs(logs)
        if self._plan.validation_data is not None:
            (mean,) = self._validation.evaluate(
                (champion,), self._plan.validation_data
            )
        self._callbacks.on_test_end(mean)
        return mean

    def _show_champion(self) -> Replica:
        """Lets the model answer with the master of lowest known loss.

        Before the first validation that is task 0's. Where all masters have
        diverged since, the model stays as it is.
        """
        losses = self._validation.losses
        champion = self._masters[int(np.argmin(comparable_losses(losses)))]
        if np.isfinite(losses).any() or not self._validation.has_begun:
            self._session.show(champion)
        return champion

    def _round_callbacks(self) -> list[RoundCallback]:
        return [
            callback
            for callback in self._callbacks.callbacks
            if isinstance(callback, RoundCallback)
        ]
