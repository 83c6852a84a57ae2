"""One `fit`, from its plan to its winner."""

import contextlib
import dataclasses

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
from keras_amto.fit.recovery import losses_explained
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
    cluster = carried.strategy if is_cluster(carried.strategy) else None
    refuse_text(plan)
    sample = plan.training_data.sample(plan.batches[0].batch_size)

    def prepare() -> tuple[Engine, RunState]:
        engine, run = start(carried, sample)
        model.built = True  # callbacks may save it
        refuse_data(plan, carried, engine, run, sample, given.ends_on_nan)
        run = dataclasses.replace(run, average_start=plan.average_start)
        carried.run = run
        return engine, run

    if given.settings.answer == "ensemble":
        refuse_ensemble(carried)
    run_before = carried.run
    try:
        engine, run = on_machines_left(cluster, carried, prepare)
    except BaseException:
        carried.run = run_before  # weights may be others by the next `fit`
        raise
    carried.visible.remember()
    settings, backup, keeper = given.settings, given.backup, None
    if backup is not None:
        keeper = BackupKeeper(
            BackupStore(backup.backup_dir, backup.keep, RECORDS),
            backup.save_freq,
            backup.delete_checkpoint,
            fingerprint(plan, carried, model.steps_per_execution, settings),
        )
    metric = selection_metric(settings.selection_metric, engine.metric_names)
    carried.tasks = plan.tasks
    callbacks = given.as_list(
        verbose,
        model=model,
        epochs=plan.epochs.last_number(),
        steps=plan.steps_per_epoch,
    )
    events = KerasEvents(
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
        time_limit=None
        if settings.max_seconds is None
        else TimeLimit(
            settings.max_seconds, given.began, plan, settings.answer
        ),
        keeps_copies=cluster is not None and cluster.keep_copies,
    )
    model.stop_training = False
    # From here on networks change: what was answered is no answer of now.
    answers_before, carried.answers = carried.answers, None
    try:
        with contextlib.ExitStack() as stack:
            if events.watch is not None:
                stack.enter_context(events.watch.running())
            state = None
            if keeper is not None:
                own = stack.enter_context(keeper).load()
                state = engine.from_first_process(own)
            if state is not None:
                plan.refuse_fewer_epochs(state.run)
                run_then = plan.continued(state.run)
                state = dataclasses.replace(state, run=run_then)
                append_to_files(given.others)
            callbacks.on_train_begin()
            if state is not None:
                run = events.restore(state)
            while True:
                if keeper is not None:
                    keeper.begin_ledger(run.records)
                try:
                    with losses_explained(cluster):
                        _train(run, events)
                    break
                except LostMachineError:
                    copy = events.fall_back()
                    if cluster is None or copy is None:
                        raise
                    log_change(cluster.refresh(), copy.run.step)
                    engine = carried.engine = new_engine(carried, sample)
                    events.problem = plan.problem(engine, settings.min_delta)
                    run = events.restore(copy)
            callbacks.on_train_end(events.epoch_logs)
            carried.answers = events.answers or answers_before
            if events.answers is not None and given.overrides_winner:
                carried.visible.load(events.answers.network)
    finally:
        if carried.run is not None:
            if events.masters_before is not None:
                carried.run = carried.run.with_masters(events.masters_before)
            carried.run = begin(carried.run)
            if cluster is not None:
                # A machine may be lost before the next `fit`, or just was.
                try:
                    with losses_explained(cluster):
                        carried.run = Copies().copy(carried.run)
                except LostMachineError:
                    events.fall_back()
        carried.visible.remember()


def _time_limit(given: CallbackSet, plan: FitPlan) -> TimeLimit | None:
    settings = given.settings
    if settings.max_seconds is None:
        return None
    return TimeLimit(settings.max_seconds, given.began, plan, settings.answer)


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
