"""Algorithm 1 as a Keras `fit`: rounds, epochs, callbacks."""

import functools
from collections.abc import Callable

import keras

from keras_amto.backup.keeper import BackupKeeper
from keras_amto.backup.run_state import RunState
from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import RoundCallback
from keras_amto.callbacks.states import restore_states
from keras_amto.callbacks.states import states_of
from keras_amto.callbacks.stock import ends_on_nan
from keras_amto.engines import Engine
from keras_amto.engines import Logs
from keras_amto.engines import Replica
from keras_amto.engines import current_learning_rate
from keras_amto.planning import FitPlan
from keras_amto.population import Population
from keras_amto.progress import Progress
from keras_amto.rounds import Rounds
from keras_amto.schedule import Execution
from keras_amto.schedule import executions
from keras_amto.session import Session
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
        shows_champion: Whether the model shows its champion to callbacks.
        shows_each_round: Whether it does so as rounds end, too.
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
        shows_champion: bool,
        shows_each_round: bool,
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
        self._shows_champion = shows_champion
        self._shows_each_round = shows_each_round

        self._rounds = Rounds(
            plan, engine, population, settings.min_delta, progress.tick
        )
        self._first_step = population.step
        self._logs: Logs | None = None

    @property
    def candidates(self) -> list[Replica]:
        """Each task's network among which the winner is chosen."""
        if self._settings.restore_best_weights:
            return self._rounds.best
        return self._rounds.masters

    def run(self) -> Logs | None:
        """Trains until the last epoch or until a callback stops it.

        Returns:
            The logs of the last epoch, `None` if there was none.
        """
        plan, keeper = self._plan, self._keeper
        for execution in executions(
            plan.epochs,
            plan.settings.transfer_interval,
            steps_per_execution=self._steps_per_execution,
            stop_every=None if keeper is None else keeper.every,
            first_step=self._steps_made,
        ):
            capture: Callable[[], RunState] = self._capture
            if keeper is not None and execution.cuts_round:
                # With more epochs it would not be: where they may be added
                # later, training continues from before.
                capture = _held(self._capture())
            if execution.starts_epoch:
                self._begin_epoch(execution.epoch)
            if execution.starts_round:
                self._begin_round()
                self._rounds.reallocate_knowledge()
            training_logs = self._train(execution)
            if execution.ends_round:
                self._end_round()
            if execution.ends_epoch:
                self._logs = self._end_epoch(execution.epoch, training_logs)
            stops, terminated = self._vote()
            if stops:
                if self._session.round_is_open:
                    self._end_round()
                if not execution.ends_epoch:
                    self._logs = self._end_epoch(execution.epoch, training_logs)
                break
            if keeper is not None:
                keeper.after(execution, self._steps_made, capture, terminated)
        return self._logs

    @property
    def _steps_made(self) -> int:
        return self._rounds.step - self._first_step

    def _vote(self) -> tuple[bool, bool]:
        """Whether training is to end, and whether SIGTERM has come.

        In any worker process: they agree once an execution.
        """
        keeper, model = self._keeper, self._model
        stops, terminated = self._engine.any_of(
            [
                model.stop_training,
                keeper is not None and keeper.terminated,
            ]
        )
        if stops:  # else it stays: a handler may have set it meanwhile
            model.stop_training = True
        return stops, terminated

    def _capture(self) -> RunState:
        """Returns everything that the run is made of."""
        session, rounds, history = (
            self._session,
            self._rounds,
            self._model.history,
        )
        return RunState(
            now=rounds.population,
            last_round=session.last_round,
            round_is_open=session.round_is_open,
            trial=rounds.trial,
            best=tuple(rounds.best),
            patience=rounds.patience,
            losses=rounds.validation.losses,
            transfers=rounds.transfers,
            logs=self._logs,
            records=tuple(session.records),
            shown=session.shown(),
            learning_rate=current_learning_rate(self._model.optimizer),
            callbacks=states_of(self._callbacks.callbacks),
            history={
                "epoch": list(history.epoch),
                "history": {k: list(v) for k, v in history.history.items()},
            },
        )

    def restore(self, state: RunState) -> None:
        """Continues from a backup, after `on_train_begin`."""
        # First, since they can refuse: nothing is half restored.
        self._refuse_fewer_epochs(state)
        restore_states(self._callbacks.callbacks, state.callbacks)
        self._rounds.restore(state)
        history = self._model.history
        self._logs = state.logs
        self._session.restore(
            state.last_round, state.records, state.round_is_open, state.shown
        )
        if state.learning_rate is not None:
            self._model.optimizer.learning_rate = state.learning_rate
        history.epoch = list(state.history["epoch"])
        history.history = dict(state.history["history"])

    def _refuse_fewer_epochs(self, state: RunState) -> None:
        """Raises where training would have ended before the backup."""
        plan = self._plan
        made = state.now.step - self._first_step
        left = plan.epochs.total_steps - made
        # A round that is under way would have been cut short.
        if left < 0 or (left == 0 and state.round_is_open):
            raise ValueError(
                "The backup holds more training than `epochs` asks for. "
                f"Received: epochs={plan.epochs.numbers.stop}, that is "
                f"{plan.epochs.total_steps} steps, and a backup of step "
                f"{made}. Expected: as many epochs as when the backup was "
                "made, or more."
            )

    def _begin_epoch(self, epoch: int) -> None:
        self._rounds.begin_epoch()
        self._callbacks.on_epoch_begin(epoch)
        self._progress.begin_epoch()

    def _begin_round(self) -> None:
        for callback in self._round_callbacks():
            callback.on_round_begin(self._rounds.round)
        # Taken anew: between two rounds a callback may have set weights.
        self._rounds.take(self._session.begin_round().masters)

    def _train(self, execution: Execution) -> Logs:
        begin, steps = execution.batch, execution.steps
        self._callbacks.on_train_batch_begin(begin)
        logs = self._rounds.train(
            steps,
            execution.ends_round,
            # Read here: callbacks may have set it since.
            current_learning_rate(self._model.optimizer),
            functools.partial(self._progress.training, begin),
        )
        if self._steps_per_execution is not None:
            self._show_champion()  # somebody looks
        whole = self._steps_per_execution or steps
        if execution.ends_epoch and begin % whole == 0:
            steps = whole  # as in Keras, whose last execution counts in full
        self._callbacks.on_train_batch_end(begin + steps - 1, logs)
        return logs

    def _end_round(self) -> None:
        rounds = self._rounds
        record = rounds.determine_transfer()
        diverged = rounds.champion is None
        self._session.end_round(
            rounds.population, record, keep_masters=diverged
        )
        if self._keeper is not None:
            self._keeper.append(record)
        if diverged and ends_on_nan(self._callbacks.callbacks):
            self._model.stop_training = True
        elif diverged:
            raise RuntimeError(
                f"All {len(rounds.masters)} tasks have diverged: after round "
                f"{record.round} (step {record.step}) no validation loss is "
                "finite. Received: master losses "
                f"{record.master_losses.tolist()}. Expected: at least one "
                "finite loss; lower the learning rate, or look for NaN in the "
                "data. The model keeps its last champion, and the tasks keep "
                "the networks of the round before."
            )
        if self._shows_each_round:
            self._show_champion()  # somebody looks
        for callback in self._round_callbacks():
            callback.on_round_end(record.round, record)

    def _end_epoch(self, epoch: int, training_logs: Logs) -> Logs:
        logs = dict(training_logs)
        if self._plan.validates_after(epoch):
            validation_logs = self._validation_logs()
            logs |= {f"val_{k}": v for k, v in validation_logs.items()}
        else:
            self._show_champion()
        logs["transfers"] = self._rounds.transfers
        self._progress.end_epoch()
        self._callbacks.on_epoch_end(epoch, logs)
        return logs

    def _validation_logs(self) -> Logs:
        """The epoch's validation, with the hooks that Keras calls for it."""
        self._callbacks.on_test_begin()
        masters, validation = self._rounds.masters, self._rounds.validation
        logs = validation.of_masters(masters)
        batch = 0
        for samples, of_task in zip(validation.sets, logs, strict=True):
            self._callbacks.on_test_batch_begin(batch)
            batch += len(samples.batches)
            self._callbacks.on_test_batch_end(batch - 1, of_task)
        self._show_champion()
        mean = mean_logs(logs)
        if self._plan.validation_data is not None:
            m = self._rounds.champion or 0  # any, where all have diverged
            mean = validation.evaluate(
                m, masters[m], self._plan.validation_data
            )
        self._callbacks.on_test_end(mean)
        return mean

    def _show_champion(self) -> None:
        """Lets the model answer with the master of lowest known loss.

        Where all masters have diverged, it stays as it is.
        """
        m = self._rounds.champion
        if m is not None and self._shows_champion:
            master = self._engine.everywhere(self._rounds.masters[m])
            self._session.show(master)

    def _round_callbacks(self) -> list[RoundCallback]:
        return [
            callback
            for callback in self._callbacks.callbacks
            if isinstance(callback, RoundCallback)
        ]


def _held(state: RunState) -> Callable[[], RunState]:
    return lambda: state
