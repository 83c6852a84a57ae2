"""One `fit`, from its plan to its winner."""

import contextlib

import keras

from keras_amto.algorithm import Patience
from keras_amto.amto import Problem
from keras_amto.amto import RunState
from keras_amto.amto import begin
from keras_amto.amto import optimize
from keras_amto.backup import BackupKeeper
from keras_amto.backup import BackupStore
from keras_amto.callbacks.callback_set import CallbackSet
from keras_amto.callbacks.states import append_to_files
from keras_amto.distribution import LostMachineError
from keras_amto.distribution import is_cluster
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import TaskState
from keras_amto.fit.carried import Carried
from keras_amto.fit.events import FitState
from keras_amto.fit.events import KerasEvents
from keras_amto.fit.fingerprint import fingerprint
from keras_amto.fit.labels import refuse_labels
from keras_amto.fit.plan import FitPlan
from keras_amto.fit.progress import Progress
from keras_amto.fit.recovery import Watch
from keras_amto.fit.recovery import in_memory
from keras_amto.fit.recovery import log_change
from keras_amto.fit.refusals import refuse_misfits
from keras_amto.fit.refusals import refuse_non_finite
from keras_amto.fit.refusals import refuse_text
from keras_amto.fit.start import remake_engine
from keras_amto.fit.start import start
from keras_amto.fit.winner import selection_metric
from keras_amto.ledger import Record
from keras_amto.schedule import executions

#: What a backup is made of.
RECORDS = (FitState, RunState, Replica, TaskState, Patience, Record)


def run_fit(
    plan: FitPlan,
    model: keras.Model,
    carried: Carried,
    callbacks: CallbackSet,
    verbose: str | int,
) -> None:
    """Trains the tasks, selects the winner, and lets the model show it.

    Args:
        plan: What to do.
        model: The compiled `AMTOModel` that callbacks see.
        carried: What it carries from one `fit` to the next.
        callbacks: The user's callbacks.
        verbose: As in `fit`.

    Raises:
        ValueError: if the data or the model cannot be used.
        RuntimeError: if all tasks have diverged.
    """
    cluster = carried.strategy if is_cluster(carried.strategy) else None
    if cluster is not None and cluster.refresh():
        carried.engine = None
    refuse_text(plan)
    sample = plan.sample_batch()
    engine, run = start(carried, sample)
    refuse_labels(plan, carried.network, carried.compile_args["loss"])
    model.built = True  # callbacks may save it
    keeper = _keeper(plan, model, carried, callbacks)
    if not callbacks.ends_on_nan:
        refuse_non_finite(plan, engine, run, model.optimizer)
    refuse_misfits(plan, sample, carried, engine)
    settings = callbacks.settings
    metric = selection_metric(settings.selection_metric, engine.metric_names)
    carried.tasks = plan.tasks
    callback_list, logger = callbacks.as_list(
        model, verbose, plan.epochs.last_number(), plan.steps_per_epoch
    )
    progress = Progress(logger, plan.settings.num_tasks)
    problem = _problem(plan, engine, settings.min_delta)
    watch = None if cluster is None else Watch(cluster)
    events = KerasEvents(
        plan,
        problem,
        carried,
        model,
        callbacks,
        callback_list,
        progress,
        keeper,
        metric,
        watch,
        keep_copies=cluster is not None and cluster.keep_copies,
    )
    model.stop_training = False
    carried.shown.remember()

    def train(run: RunState) -> None:
        """Trains to the end, and selects the winner."""
        run = optimize(
            run,
            problem,
            executions(
                plan.epochs,
                plan.settings.transfer_interval,
                steps_per_execution=(
                    model.steps_per_execution
                    if callbacks.listens_to_batches
                    else None
                ),
                stop_every=None if keeper is None else keeper.every,
                first_step=run.step - plan.first_step,
            ),
            events,
        )
        events.select(run)

    try:
        with contextlib.ExitStack() as stack:
            if watch is not None:
                stack.enter_context(watch.running())
            if keeper is not None:
                stack.enter_context(keeper)
            state = None if keeper is None else keeper.load()
            if state is not None:
                plan.refuse_fewer_epochs(state.run)
                append_to_files(callbacks.others)
            callback_list.on_train_begin()
            if state is not None:
                run = events.restore(state)
            if keeper is not None:
                keeper.begin_ledger(run.records)
            while True:
                try:
                    with (
                        contextlib.nullcontext()
                        if cluster is None
                        else cluster.losses_explained()
                    ):
                        train(run)
                    break
                except LostMachineError:
                    copy = events.round_copy
                    # What the machine had cannot be read any more.
                    carried.engine = None
                    carried.run = None if copy is None else copy.run
                    if cluster is None or copy is None:
                        raise
                    log_change(cluster.refresh(), copy.run.step)
                    engine = remake_engine(carried, sample)
                    problem = _problem(plan, engine, settings.min_delta)
                    events.moved_to(problem)
                    run = events.restore(copy)
                    if keeper is not None:
                        keeper.begin_ledger(run.records)
            callback_list.on_train_end(events.epoch_logs)
            if events.winner is not None and callbacks.overrides_winner:
                carried.shown.show(events.winner)
    finally:
        if carried.run is not None:
            if events.masters_before is not None:
                carried.run = carried.run.with_masters(events.masters_before)
            carried.run = begin(carried.run)
            if cluster is not None:
                # A machine may be lost before the next `fit`, or just was.
                try:
                    with cluster.losses_explained():
                        carried.run = in_memory(carried.run)
                except LostMachineError:
                    copy = events.round_copy
                    carried.engine = None
                    carried.run = None if copy is None else copy.run
        carried.shown.remember()


def _problem(plan: FitPlan, engine: Engine, min_delta: float) -> Problem:
    settings = plan.settings
    tasks = range(settings.num_tasks)
    return Problem(
        engine=engine,
        data=plan.training_data,
        batches=tuple(map(plan.training_batches, tasks)),
        validation_sets=tuple(map(plan.validation_samples, tasks)),
        seed=settings.seed,
        selection=settings.selection,
        relationship_decay=settings.relationship_decay,
        min_delta=min_delta,
    )


def _keeper(
    plan: FitPlan,
    model: keras.Model,
    carried: Carried,
    callbacks: CallbackSet,
) -> BackupKeeper | None:
    """What keeps the backups of a fit, where the user wants any."""
    backup = callbacks.backup
    if backup is None:
        return None
    identity = fingerprint(
        plan,
        carried.network,
        carried.compile_args,
        model.steps_per_execution,
        carried.engine_name,
        callbacks.settings,
        carried.augment,
    )
    return BackupKeeper(
        BackupStore(backup.backup_dir, backup.keep, RECORDS),
        backup.save_freq,
        backup.delete_checkpoint,
        identity,
    )
