"""One `fit`, from its plan to its winner."""

import contextlib
import os
from typing import Any

import keras

from keras_amto.backup import BackupStore
from keras_amto.backup.fingerprint import fingerprint
from keras_amto.backup.keeper import BackupKeeper
from keras_amto.callbacks import PopulationBackup
from keras_amto.callbacks.arrangement import Arrangement
from keras_amto.callbacks.states import append_to_files
from keras_amto.fitting import Fitting
from keras_amto.labels import refuse_labels
from keras_amto.misfits import refuse_misfits
from keras_amto.planning import FitPlan
from keras_amto.progress import Progress
from keras_amto.scrutiny import refuse_non_finite
from keras_amto.scrutiny import refuse_text
from keras_amto.selection import select_winner
from keras_amto.selection import selection_metric
from keras_amto.session import Session


def run_fit(
    plan: FitPlan,
    model: keras.Model,
    session: Session,
    arrangement: Arrangement,
    verbose: str | int,
) -> None:
    """Trains the tasks, selects the winner, and lets the model show it.

    Args:
        plan: What to do.
        model: The compiled `AMTOModel` that callbacks see.
        session: Its training state.
        arrangement: The callbacks.
        verbose: As in `fit`.

    Raises:
        ValueError: if the data or the model cannot be used.
        RuntimeError: if all tasks have diverged, or as a `LostWorkerError`
            if another worker process is lost.
    """
    refuse_text(plan)
    sample = plan.sample_batch()
    engine, population = session.prepare(sample)
    refuse_labels(plan, session.network, session.compile_args["loss"])
    model.built = True  # callbacks may save it
    identity = _identify(arrangement, plan, model, session)
    if not arrangement.ends_on_nan:
        refuse_non_finite(plan, engine, population, model.optimizer)
    refuse_misfits(plan, sample, session, engine, model.optimizer)
    metric = selection_metric(
        arrangement.settings.selection_metric, engine.metric_names
    )
    session.tasks = plan.tasks
    several = session.cluster is not None
    callback_list, logger = arrangement.with_model(
        model,
        verbose,
        epochs=plan.epochs.last_number(),
        steps=plan.steps_per_epoch,
        is_chief=not several or session.placement.is_chief,
    )
    progress = Progress(logger, session.settings.num_tasks)
    keeper = _keeper(arrangement.backup, identity, session)
    fitting = Fitting(
        plan,
        session,
        engine,
        population,
        model=model,
        callbacks=callback_list,
        settings=arrangement.settings,
        steps_per_execution=(
            model.steps_per_execution
            if arrangement.listens_to_batches
            else None
        ),
        progress=progress,
        keeper=keeper,
        # Else its state would travel to all processes for nothing.
        shows_champion=not several or arrangement.looks_at_network,
        shows_each_round=arrangement.follows_rounds,
    )
    model.stop_training = False
    try:
        with keeper or contextlib.nullcontext():
            state = None if keeper is None else keeper.load()
            if state is not None:
                append_to_files(arrangement.others)
            callback_list.on_train_begin()
            if state is not None:
                fitting.restore(state)
            if keeper is not None:
                keeper.begin_ledger(session.records)
            logs = fitting.run()
            if logs is not None:
                winner, session.finalists = select_winner(
                    plan, engine, fitting.candidates, metric, progress
                )
                winner = engine.everywhere(winner)
                session.show(winner)
            callback_list.on_train_end(logs)
            if logs is not None and arrangement.overrides_winner:
                session.show(winner)
    finally:
        session.close()


def _identify(
    arrangement: Arrangement,
    plan: FitPlan,
    model: keras.Model,
    session: Session,
) -> dict[str, Any]:
    """What has to be equal for a run to go on, and in all worker processes."""
    cluster = session.cluster
    if arrangement.backup is None and cluster is None:
        return {}  # nobody asks, and data are long to read
    identity = fingerprint(
        plan,
        session.network,
        session.compile_args,
        model.steps_per_execution,
        session.engine_name,
        arrangement.settings,
        session.last_round.step,
        session.augment,
    )
    if cluster is not None:
        cluster.agree_on(
            identity
            | {
                "epochs": plan.epochs.total_steps,
                "callbacks": [type(c).__name__ for c in arrangement.others],
                "devices": [list(row) for row in session.placement.tasks],
            }
        )
        identity["worker"] = f"{cluster.rank} of {len(cluster.names)}"
    return identity


def _keeper(
    backup: PopulationBackup | None,
    identity: dict[str, Any],
    session: Session,
) -> BackupKeeper | None:
    """What keeps the backups of a fit, where the user wants any.

    Of several worker processes each backs up the tasks that it trains: the
    chief as one process would, and the others in directories below.
    """
    cluster, engine = session.cluster, session.engine
    if engine is None or backup is None:
        return None
    directory, keep = backup.backup_dir, backup.keep
    if cluster is not None:
        # One may be killed before it has written what others have.
        keep = max(keep, 2)
        if cluster.rank > 0:
            directory = os.path.join(directory, f"worker-{cluster.rank}")
    return BackupKeeper(
        BackupStore(directory, keep),
        backup.save_freq,
        backup.delete_checkpoint,
        identity,
        engine,
        None if cluster is None else cluster.exchange,
    )
