"""What Keras' callbacks see of a run."""

import dataclasses
from typing import Any

import keras

from keras_amto.amto import Listener
from keras_amto.amto import Problem
from keras_amto.amto import RunState
from keras_amto.amto import validate
from keras_amto.backup import BackupKeeper
from keras_amto.callbacks.callback_set import CallbackSet
from keras_amto.callbacks.round_callback import RoundCallback
from keras_amto.callbacks.stock import restore_states
from keras_amto.callbacks.stock import states_of
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Logs
from keras_amto.engines import Replica
from keras_amto.engines import are_finite
from keras_amto.engines import current_learning_rate
from keras_amto.engines import mean_logs
from keras_amto.fit.answers import Answers
from keras_amto.fit.answers import make_answers
from keras_amto.fit.carried import Carried
from keras_amto.fit.plan import FitPlan
from keras_amto.fit.progress import Progress
from keras_amto.fit.recovery import Copies
from keras_amto.fit.recovery import Watch
from keras_amto.fit.time_limit import TimeLimit
from keras_amto.schedule import Execution


class DivergedError(RuntimeError):
    """No task has a network of finite loss."""


@dataclasses.dataclass(frozen=True, eq=False)
class FitState:
    """All that a `fit` is made of between two executions: what is backed up."""

    run: RunState
    visible: Replica | None  # what the model shows, once it shows anything
    learning_rate: float | None  # what callbacks have made of it
    epoch_logs: Logs | None  # those of the last epoch, once it has ended
    callbacks: dict[str, Any]  # the state of each that has any, by position


@dataclasses.dataclass(eq=False)
class KerasEvents(Listener):
    """Tells Keras' callbacks, the progress bar and backups of a run."""

    plan: FitPlan
    problem: Problem  # another, when a machine was lost
    carried: Carried  # follows the run
    model: keras.Model
    given: CallbackSet  # what the user gave
    callbacks: keras.callbacks.CallbackList  # all, as Keras calls them
    bar: Progress
    keeper: BackupKeeper | None
    metric: str | None  # selects the winner, `None` for the loss
    watch: Watch | None  # notices machines that are lost
    time_limit: TimeLimit | None
    keeps_copies: bool
    #: What the round under way began with, in this machine's memory.
    round_copy: FitState | None = None
    #: The logs of the last epoch, `None` if there was none.
    epoch_logs: Logs | None = None
    #: What training has ended with, `None` until then.
    answers: Answers | None = None
    #: Where all tasks have diverged, the masters of the round before, which are
    #: worth more than those of now.
    masters_before: tuple[Replica, ...] | None = None
    _copies: Copies = dataclasses.field(default_factory=Copies)
    _batch: int = 0  # of the execution under way, within its epoch
    _training_logs: Logs = dataclasses.field(default_factory=dict)
    _before_cut: FitState | None = None

    def capture(self, run: RunState) -> FitState:
        """Returns all that the `fit` is made of."""
        return FitState(
            run=run,
            visible=self.carried.visible.replica,
            learning_rate=self.learning_rate(),
            epoch_logs=self.epoch_logs,
            callbacks=states_of(self.callbacks.callbacks),
        )

    def restore(self, state: FitState) -> RunState:
        """Goes on from a backup, after `on_train_begin`."""
        self.answers = None
        restore_states(self.callbacks.callbacks, state.callbacks)
        if state.visible is None:
            # What `on_train_begin` has written is in the run already.
            self.carried.visible.remember()
        else:
            self.carried.visible.load(state.visible)
        if state.learning_rate is not None:
            self.model.optimizer.learning_rate = state.learning_rate
        self.epoch_logs = state.epoch_logs
        self.carried.run = state.run
        return state.run

    def fall_back(self) -> FitState | None:
        """Returns the copy to go on from, and lets go of all that is lost."""
        self.carried.engine = self.carried.run = None
        if self.round_copy is not None:
            self.carried.run = self.round_copy.run
        return self.round_copy

    def before(self, run: RunState, execution: Execution) -> RunState:
        self.answers = None  # of a stop that a callback has taken back
        run = self._followed(run)  # `on_train_begin` may have written
        if self.keeps_copies and execution.starts_round:
            self.round_copy = self._copies.copy(
                self.capture(run), self.problem.engine
            )
        self._before_cut = None
        if self.keeper is not None and execution.cuts_round:
            # With more epochs the round would go on: where they may be added
            # later, training continues from here.
            self._before_cut = self.capture(run)
        self._batch = execution.batch
        if execution.starts_epoch:
            fresh = map(self.problem.engine.reset_metrics, run.task_states)
            run = dataclasses.replace(run, task_states=tuple(fresh))
            self.carried.run = run
            self.callbacks.on_epoch_begin(execution.epoch)
            self.bar.begin_epoch()
        if execution.starts_round:
            for callback in self._round_callbacks():
                callback.on_round_begin(run.round)
        self.callbacks.on_train_batch_begin(execution.batch)
        return self._followed(run)

    def learning_rate(self) -> float | None:
        # Read for every execution: callbacks may have set it.
        return current_learning_rate(self.model.optimizer)

    def progress(self, done: float) -> None:
        self.bar.training(self._batch, done)
        self.tick(done)

    def tick(self, done: float) -> None:
        self.bar.tick()
        if self.watch is not None:
            self.watch.check()

    def after(
        self, run: RunState, execution: Execution, logs: Logs
    ) -> RunState:
        self.carried.run = run
        self._training_logs = logs
        steps = execution.steps
        if self.given.listens_to_batches:
            self._load_champion(run)  # somebody looks
            whole = self.model.steps_per_execution
            if execution.ends_epoch and execution.batch % whole == 0:
                steps = whole  # as in Keras, whose last one counts in full
        self.callbacks.on_train_batch_end(execution.batch + steps - 1, logs)
        return self._followed(run)

    def round_ended(self, run: RunState) -> RunState:
        record = run.records[-1]
        before = self.carried.run or run
        if self.keeper is not None:
            self.keeper.append(record)
        self.carried.run = run
        if run.champion is None:
            self.masters_before = before.last_round.masters
            if not self.given.ends_on_nan:
                raise DivergedError(
                    f"All {run.num_tasks} tasks have diverged: after round "
                    f"{record.round} (step {record.step}) no validation loss "
                    "is finite. Received: master losses "
                    f"{record.master_losses.tolist()}. Expected: at least one "
                    "finite loss; lower the learning rate, or look for NaN in "
                    "the data. The model keeps its last champion, and the "
                    "tasks keep the networks of the round before."
                )
            self.model.stop_training = True
        if self.given.follows_rounds:
            self._load_champion(run)  # somebody looks
        for callback in self._round_callbacks():
            callback.on_round_end(record.round, record)
        if self.time_limit is not None:
            # Clocks differ: where several processes train, one decides.
            is_reached = self.time_limit.is_reached()
            if self.problem.engine.from_first_process(is_reached):
                self.model.stop_training = True
        return self._followed(run)

    def epoch_ended(self, run: RunState, execution: Execution) -> RunState:
        logs = dict(self._training_logs)
        if self.plan.validates_after(execution.epoch):
            run, validation = self._validated(run)
            logs |= {f"val_{k}": v for k, v in validation.items()}
        else:
            self._load_champion(run)
        begin = run.step - execution.batch - execution.steps
        logs["transfers"] = sum(
            int(each.accepted.sum())
            for each in run.records
            if each.step > begin
        )
        self.bar.end_epoch()
        self.epoch_logs = logs
        if execution.is_last or self.stops():
            # First, so that what callbacks save is what `fit` leaves.
            self.select(run)
        self.callbacks.on_epoch_end(execution.epoch, logs)
        return self._followed(run)

    def select(self, run: RunState) -> None:
        """Selects the winner and shows it, unless that is done already."""
        if self.answers is not None or self.epoch_logs is None:
            return  # or there was no epoch
        self.answers, self.carried.finalists = make_answers(
            self.plan,
            self.problem.engine,
            self.carried,
            run,
            self.given.settings,
            self.metric,
            self.bar,
            self.tick,
        )
        self.carried.visible.load(self.answers.network)

    def stops(self) -> bool:
        return bool(self.model.stop_training)

    def save(self, run: RunState, execution: Execution) -> None:
        keeper = self.keeper
        if keeper is None:
            return
        is_due = self._before_cut is None and keeper.is_due(
            self.plan.steps_made(run),
            execution.ends_round,
            execution.ends_epoch,
        )
        terminated = keeper.terminated
        if is_due or terminated:
            state = self._before_cut or self.capture(run)
            keeper.save(state.run.step, state)
        if terminated:
            keeper.leave()

    def _followed(self, run: RunState, in_validation: bool = False) -> RunState:
        """The state as callbacks have left it: they may set weights."""
        run = self.carried.run or run
        if self.given.may_write:
            written = self.carried.visible.take_writes()
            if written:
                run = run.with_weights(written, in_validation)
        self.carried.run = run
        return run

    def _validated(self, run: RunState) -> tuple[RunState, Logs]:
        """The epoch's validation, with the hooks that Keras calls for it."""
        self.callbacks.on_test_begin()
        run = validate(run, self.problem, self.tick)
        self.carried.run = run
        self._load_champion(run)
        batch = 0
        sets, known = self.problem.validation_sets, run.validation_logs
        for samples, (logs, *_) in zip(sets, known, strict=True):
            self.callbacks.on_test_batch_begin(batch)
            batch += len(samples.batches)
            self.callbacks.on_test_batch_end(batch - 1, logs)
        run = self._followed(run, in_validation=True)
        mean = mean_logs([logs for logs, *_ in known])
        clean = self.plan.validation_data
        if clean is not None:
            task = run.champion or 0  # any, where all have diverged
            job = EvaluationJob(task, (run.masters[task],), clean)
            ((mean,),) = self.problem.engine.evaluate([job], self.tick)
        self.callbacks.on_test_end(mean)
        return run, mean

    def _load_champion(self, run: RunState) -> None:
        """Shows the master of lowest known loss, unless it has diverged."""
        if run.champion is not None:
            champion = run.masters[run.champion]
            champion = self.problem.engine.on_host(champion)
            # It has trained since it was chosen, and may have diverged.
            logs = run.validation_logs[run.champion]
            known = [logs[0]["loss"]] if logs else champion.weights
            if are_finite(known):
                self.carried.visible.load(champion)

    def _round_callbacks(self) -> list[RoundCallback]:
        callbacks = self.callbacks.callbacks
        return [each for each in callbacks if isinstance(each, RoundCallback)]
