"""Planning one call of `fit`: reading its data and formulating the tasks."""

import contextlib
import dataclasses
import functools
import math
import sys
import warnings
from collections.abc import Callable

import keras
import numpy as np

from keras_amto.fit.carried import Beginning
from keras_amto.fit.fit_arguments import FitArguments
from keras_amto.fit.plan import FitPlan
from keras_amto.schedule import Epochs
from keras_amto.settings import Settings
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import Splits
from keras_amto.tasks import Task
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import evaluation_seed
from keras_amto.tasks import in_order
from keras_amto.tasks import is_dataset
from keras_amto.tasks import read_data
from keras_amto.tasks import split_tasks


def plan_fit(
    settings: Settings,
    splits: Splits | None,
    given: FitArguments,
    *,
    steps_per_execution: int,
    max_steps: int | None,
    average_from: float | None,
    beginning: Beginning,
    files: contextlib.ExitStack,
) -> FitPlan:
    """Reads the data and formulates the tasks.

    Args:
        settings: Those of the model.
        splits: The user's own, if any.
        given: The arguments of `fit`, checked.
        steps_per_execution: Integer, as compiled.
        max_steps: Integer, the last step at the latest, or `None`.
        average_from: Float, after which share of the steps masters are
            averaged, or `None`.
        beginning: What this call begins with.
        files: Closes the files that samples are written to.
    """
    settings = _settings_of(settings, splits, given)
    read = functools.partial(
        read_data,
        memory_limit=settings.memory_limit,
        cache_dir=settings.cache_dir,
        files=files,
    )
    data, source_batch_size = read(
        given.x, given.y, given.sample_weight, given.class_weight
    )
    tasks = _formulate(settings, splits, data)
    batch_size = given.batch_size or source_batch_size or 32
    batches = tuple(
        TrainingBatches(
            task.train_indices,
            batch_size,
            task=number,
            seed=settings.seed,
            shuffle=given.shuffle,
            first_step=beginning.step,
        )
        for number, task in enumerate(tasks)
    )
    evaluation_batch_size = given.validation_batch_size or batch_size
    *validation_sets, clean_set = (
        EvaluationSet(
            data,
            in_order(indices, evaluation_batch_size),
            evaluation_seed(settings.seed, number),
        )
        for number, indices in enumerate(
            [*(t.validation_indices for t in tasks), tasks[0].holdout_indices]
        )
    )
    given_set = None
    if given.validation_data is not None:
        given_set = EvaluationSet(
            *_read_validation_data(given, batch_size, read), clean_set.seed
        )
        clean_set = given_set
    requested, epochs = _plan_epochs(
        given, batches[0].steps_per_pass, steps_per_execution, max_steps
    )
    average_start = None
    if average_from is not None:
        average_start = beginning.step + int(average_from * epochs.total_steps)
    return FitPlan(
        settings=settings,
        beginning=beginning,
        data=data,
        training_data=data.for_training(),
        tasks=tasks,
        batches=batches,
        validation_sets=tuple(validation_sets),
        validation_batch_size=evaluation_batch_size,
        validation_freq=given.validation_freq,
        epochs=epochs,
        steps_per_epoch=requested,
        validation_data=given_set,
        clean_set=clean_set if len(clean_set.batches) else None,
        average_start=average_start,
    )


def _settings_of(
    settings: Settings, splits: Splits | None, given: FitArguments
) -> Settings:
    """The settings of the model, with the `validation_split` of a call."""
    share = given.validation_split
    if splits is not None and share:
        raise ValueError(
            "`validation_split` has no meaning where the model was given its "
            f"splits. Received: validation_split={share}. "
            "Expected: no `validation_split`."
        )
    has_clean_set = settings.holdout_split > 0 or (
        given.validation_data is not None
    )
    if settings.acceptance == "holdout" and not has_clean_set:
        raise ValueError(
            "There is no clean set to judge shadows on. Received: "
            f"acceptance='holdout', holdout_split={settings.holdout_split}, "
            "and no `validation_data`. Expected: one of the two."
        )
    return dataclasses.replace(
        settings, validation_split=share or settings.validation_split
    )


def _formulate(
    settings: Settings, splits: Splits | None, data: IndexedData
) -> tuple[Task, ...]:
    """The M tasks, of the user's splits or of random ones."""
    if splits is not None:
        return splits.tasks(data, settings.num_tasks, settings.seed)
    return split_tasks(
        data.size,
        settings.num_tasks,
        settings.validation_split,
        settings.holdout_split,
        data.labels if settings.stratify else None,
        settings.seed,
    )


def _plan_epochs(
    given: FitArguments,
    steps_per_pass: int,
    steps_per_execution: int,
    max_steps: int | None,
) -> tuple[int, Epochs]:
    """The steps of an epoch that were asked for, and the epochs."""
    limit = keras.config.max_steps_per_epoch()  # for debugging runs
    requested = min(
        given.steps_per_epoch or steps_per_pass, limit or sys.maxsize
    )
    # As in Keras: executions are whole, unless the pass ends before.
    count = math.ceil(requested / steps_per_execution)
    steps = min(count * steps_per_execution, steps_per_pass)
    numbers = range(given.initial_epoch, given.epochs)
    epochs = Epochs(numbers, steps, steps_per_pass, max_steps)
    if requested > steps_per_pass or epochs.is_interrupted:
        warnings.warn(
            "Epochs end early, with the training set of a task. Received: "
            f"steps_per_epoch={requested}, where a pass has "
            f"{steps_per_pass} batches. Expected: steps that divide it.",
            stacklevel=4,  # the call of `fit`
        )
    return requested, epochs


def _read_validation_data(
    given: FitArguments,
    batch_size: int,
    read: Callable[..., tuple[IndexedData, int | None]],
) -> tuple[IndexedData, BatchWindow]:
    """Reads clean data; a dataset comes in batches of its own, as in Keras."""
    validation_data, steps = given.validation_data, given.validation_steps
    if isinstance(validation_data, tuple | list):
        count = len(validation_data)
        if not 1 <= count <= 3:
            raise ValueError(
                f"`validation_data` has too {'many' if count else 'few'} "
                f"parts. Received: {count} of them. "
                "Expected: (x, y), (x, y, sample_weight), or a dataset."
            )
    x, y, weight = keras.utils.unpack_x_y_sample_weight(validation_data)
    if steps is not None and is_dataset(x):
        x = x.take(steps)
        steps = None
    try:
        data, source_batch_size = read(x, y, weight)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"`validation_data` cannot be used. {error}") from error
    batch_size = given.validation_batch_size or batch_size
    size = data.size
    if steps is not None:  # so many batches as the data come in
        size = min(size, steps * (source_batch_size or batch_size))
    batch_size = given.validation_batch_size or source_batch_size or batch_size
    return data, in_order(np.arange(size), batch_size)
