"""One `fit`, from its plan to its winner."""

import contextlib
import dataclasses
from typing import Any

import keras

from keras_amto.algorithm import Patience
from keras_amto.algorithm import RunningMean
from keras_amto.amto import RunState
from keras_amto.amto import begin
from keras_amto.amto import optimize
from keras_amto.backup import BackupKeeper
from keras_amto.backup import BackupStore
from keras_amto.callbacks.callback_set import CallbackSet
from keras_amto.callbacks.stock import append_to_files
from keras_amto.distribution import LostMachineError
from keras_amto.distribution import is_cluster
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import TaskState
from keras_amto.fit.answers import refuse_ensemble
from keras_amto.fit.carried import Carried
from keras_amto.fit.events import FitState
from keras_amto.fit.events import KerasEvents
from keras_amto.fit.fingerprint import fingerprint
from keras_amto.fit.plan import FitPlan
from keras_amto.fit.progress import Progress
from keras_amto.fit.recovery import Copies
from keras_amto.fit.recovery import Watch
from keras_amto.fit.recovery import log_change
from keras_amto.fit.recovery import on_machines_left
from keras_amto.fit.refusals import refuse_data
from keras_amto.fit.refusals import refuse_text
from keras_amto.fit.start import new_engine
from keras_amto.fit.start import start
from keras_amto.fit.time_limit import TimeLimit
from keras_amto.fit.winner import selection_metric
from keras_amto.ledger import Record
from keras_amto.schedule import executions

#: What a backup is made of.
RECORDS = (
    FitState,
    RunState,
    Replica,
    TaskState,
    Patience,
    Record,
    RunningMean,
)


def run_fit(
    plan: FitPlan,
    model: keras.Model,
    carried: Carried,
    given: CallbackSet,
    verbose: str | int,
) -> None:
    """Trains the tasks, selects the winner, and lets the model show it."""
    engine, run = _prepare(plan, model, carried, given)
    events = _make_events(plan, model, carried, given, verbose, engine)
    model.stop_training = False
    try:
        with contextlib.ExitStack() as stack:
            if events.watch is not None:
                stack.enter_context(events.watch.running())
            state = None
            if events.keeper is not None:
                saved = stack.enter_context(events.keeper).load()
                state = _continued(plan, engine.from_first_process(saved))
            run = _begin(run, state, events)
            carried.unfinished = plan.beginning
            # Networks change now: what was answered is no answer any more.
            answers_before, carried.answers = carried.answers, None
            _train_to_the_end(run, events)
            # What callbacks write from here on is set between two fits.
            carried.visible.remember()
            carried.answers = events.answers or answers_before
            events.callbacks.on_train_end(events.epoch_logs)
            if events.answers is not None and given.overrides_winner:
                carried.visible.load(events.answers.network)
                carried.visible.remember()
        carried.unfinished = None
    except BaseException:
        carried.visible.remember()
        raise
    finally:
        if carried.run is not None:
            _leave_tasks(carried.run, events)


def _prepare(
    plan: FitPlan, model: keras.Model, carried: Carried, given: CallbackSet
) -> tuple[Engine, RunState]:
    """Makes what trains, and refuses what could only spoil it."""
    refuse_text(plan)
    if given.settings.answer == "ensemble":
        refuse_ensemble(carried)
    sample = plan.sample

    def prepare() -> tuple[Engine, RunState]:
        engine, run = start(carried, sample)
        model.built = True  # callbacks may save it
        refuse_data(plan, carried, engine, run, sample, given.ends_on_nan)
        run = dataclasses.replace(run, average_start=plan.average_start)
        carried.run = run
        return engine, run

    run_before = carried.run
    try:
        engine, run = on_machines_left(_cluster(carried), carried, prepare)
    except BaseException:
        carried.run = run_before  # weights may be others by the next `fit`
        raise
    carried.visible.remember()
    return engine, run


def _make_events(
    plan: FitPlan,
    model: keras.Model,
    carried: Carried,
    given: CallbackSet,
    verbose: str | int,
    engine: Engine,
) -> KerasEvents:
    """Makes what follows the run: callbacks, progress bar and backups."""
    cluster, settings = _cluster(carried), given.settings
    backup, keeper, time_limit = given.backup, None, None
    if backup is not None:
        keeper = BackupKeeper(
            BackupStore(backup.backup_dir, backup.keep, RECORDS),
            backup.save_freq,
            backup.delete_checkpoint,
            fingerprint(plan, carried, model.steps_per_execution, settings),
        )
    if settings.max_seconds is not None:
        time_limit = TimeLimit(
            settings.max_seconds, given.began, plan, settings.answer
        )
    metric = selection_metric(settings.selection_metric, engine.metric_names)
    callbacks = given.as_list(
        verbose,
        model=model,
        epochs=plan.epochs.last_number(),
        steps=plan.steps_per_epoch,
    )
    return KerasEvents(
        plan=plan,
        problem=plan.problem(engine, settings.min_delta),
        carried=carried,
        model=model,
        given=given,
        callbacks=callbacks,
        bar=Progress(callbacks.callbacks, plan.settings.num_tasks),
        keeper=keeper,
        metric=metric,
        watch=None if cluster is None else Watch(cluster),
        time_limit=time_limit,
        keeps_copies=cluster is not None and cluster.keep_copies,
    )


def _cluster(carried: Carried) -> Any:
    """The `Cluster` that trains, `None` without one."""
    return carried.strategy if is_cluster(carried.strategy) else None


def _continued(plan: FitPlan, state: FitState | None) -> FitState | None:
    """What a backup holds, as if it was made for as many epochs."""
    if state is None:
        return None
    plan.refuse_fewer_epochs(state.run)
    return dataclasses.replace(state, run=plan.continued(state.run))


def _begin(
    run: RunState, state: FitState | None, events: KerasEvents
) -> RunState:
    """Tells callbacks that training begins, or goes on from a backup.

    Where one of them refuses, the tasks stay those of the last `fit`.
    """
    carried = events.carried
    tasks_before, carried.tasks = carried.tasks, events.plan.tasks
    try:
        if state is not None:
            append_to_files(events.given.others)
        events.callbacks.on_train_begin()
        return run if state is None else events.restore(state)
    except BaseException:
        carried.tasks = tasks_before
        raise


def _train_to_the_end(run: RunState, events: KerasEvents) -> None:
    """Trains and selects the winner, on the machines that are left."""
    plan, carried = events.plan, events.carried
    cluster = _cluster(carried)
    while True:
        if events.keeper is not None:
            events.keeper.begin_ledger(run.records)
        explained = contextlib.nullcontext()
        if cluster is not None:
            explained = cluster.losses_explained()
        try:
            with explained:
                _train(run, events)
            return
        except LostMachineError:
            copy = events.fall_back()
            if cluster is None or copy is None:
                raise
            log_change(cluster.refresh(), copy.run.step)
            engine = carried.engine = new_engine(carried, plan.sample)
            min_delta = events.given.settings.min_delta
            events.problem = plan.problem(engine, min_delta)
            run = events.restore(copy)


def _leave_tasks(run: RunState, events: KerasEvents) -> None:
    """Leaves the tasks to the next `fit`, on this machine."""
    if events.masters_before is not None:
        run = run.with_masters(events.masters_before)
    carried = events.carried
    carried.run = begin(run)
    cluster = _cluster(carried)
    if cluster is not None:
        # A machine may be lost before the next `fit`, or just was.
        try:
            with cluster.losses_explained():
                carried.run = Copies().copy(carried.run)
        except LostMachineError:
            events.fall_back()


def _train(run: RunState, events: KerasEvents) -> None:
    """Trains to the end, and selects the winner."""
    plan, given, keeper = events.plan, events.given, events.keeper
    whole = events.model.steps_per_execution
    schedule = executions(
        plan.epochs,
        plan.settings.transfer_interval,
        steps_per_execution=whole if given.listens_to_batches else None,
        stop_every=None if keeper is None else keeper.every,
        first_step=plan.steps_made(run),
    )
    events.select(optimize(run, events.problem, schedule, events))
