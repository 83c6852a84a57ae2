"""Settling everything that one call of `fit` does, before its first step."""

import contextlib
import dataclasses
import functools
import math
import sys
import warnings
from collections.abc import Callable
from collections.abc import Collection
from typing import Any

import keras
import numpy as np

from keras_amto.algorithm import EMPTY_MEAN
from keras_amto.amto import Problem
from keras_amto.amto import RunState
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_optional_integer
from keras_amto.arguments import check_share
from keras_amto.arguments import check_truth
from keras_amto.arguments import check_validation_freq
from keras_amto.engines import Engine
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


@dataclasses.dataclass(frozen=True, eq=False)
class FitPlan:
    """One call of `fit`, with nothing left to decide."""

    settings: Settings  # with the `validation_split` of this call
    data: IndexedData  # the gross training set
    training_data: IndexedData  # the same, weighted by class
    tasks: tuple[Task, ...]
    batches: tuple[TrainingBatches, ...]  # D_m^t of each task
    validation_sets: tuple[EvaluationSet, ...]  # D_m^v of each task
    validation_batch_size: int
    validation_freq: int | Collection[int]
    epochs: Epochs
    steps_per_epoch: int  # what was asked for
    validation_data: EvaluationSet | None  # the clean set that the user gave
    clean_set: EvaluationSet | None  # the same, else what was held out
    average_start: int | None  # after which step masters are averaged, if any

    def problem(self, engine: Engine, min_delta: float) -> Problem:
        """Returns what Algorithm 1 is given."""
        validation_sets = self.validation_sets
        if self.settings.acceptance == "holdout" and self.clean_set is not None:
            validation_sets = (self.clean_set,) * len(self.tasks)
        return Problem(
            engine=engine,
            data=self.training_data,
            batches=self.batches,
            validation_sets=validation_sets,
            seed=self.settings.seed,
            transfer=self.settings.transfer,
            selection=self.settings.selection,
            relationship_decay=self.settings.relationship_decay,
            min_delta=min_delta,
        )

    def steps_made(self, run: RunState) -> int:
        """Returns how many steps of this `fit` lie behind a state."""
        return run.step - self.batches[0].first_step

    def refuse_fewer_epochs(self, run: RunState) -> None:
        """Raises where training would have ended before this backup."""
        made = self.steps_made(run)
        left = self.epochs.total_steps - made
        # A round that is under way would have been cut short.
        if left < 0 or (left == 0 and run.round_start is not None):
            raise ValueError(
                "The backup holds more training than `epochs` asks for. "
                f"Received: epochs={self.epochs.numbers.stop}, that is "
                f"{self.epochs.total_steps} steps, and a backup of step "
                f"{made}. Expected: as many epochs as when the backup was "
                "made, or more."
            )

    def continued(self, run: RunState) -> RunState:
        """Returns the state of a backup, as if made for as many epochs."""
        if run.average_start == self.average_start:
            return run
        if run.average.networks and run.step > (self.average_start or 0):
            raise ValueError(
                "The average of the backup began earlier than it would with "
                "so many epochs, and cannot be taken apart. Received: "
                f"epochs={self.epochs.numbers.stop}, whose average begins "
                f"after step {self.average_start}, and a backup of step "
                f"{run.step}, whose average began after step "
                f"{run.average_start}. Expected: as many epochs as before."
            )
        return dataclasses.replace(
            run, average=EMPTY_MEAN, average_start=self.average_start
        )

    def validates_after(self, epoch: int) -> bool:
        """Says whether an epoch ends with a validation, as in Keras."""
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def plan_fit(
    settings: Settings,
    splits: Splits | None,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    batch_size: Any,
    initial_epoch: Any,
    epochs: int,
    steps_per_epoch: Any,
    shuffle: Any,
    validation_split: Any,
    validation_data: Any,
    validation_batch_size: Any,
    validation_steps: Any,
    validation_freq: Any,
    steps_per_execution: int,
    max_steps: int | None,
    average_from: float | None,
    first_step: int,
    files: contextlib.ExitStack,
) -> FitPlan:
    """Checks the arguments of `fit`, reads the data and formulates the tasks.

    `files` closes the files that samples are written to.
    """
    # All arguments before the data: reading those can take long.
    batch_size = check_optional_integer("batch_size", batch_size)
    steps_per_epoch = check_optional_integer("steps_per_epoch", steps_per_epoch)
    validation_batch_size = check_optional_integer(
        "validation_batch_size", validation_batch_size
    )
    validation_steps = check_optional_integer(
        "validation_steps", validation_steps
    )
    validation_freq = check_validation_freq(validation_freq)
    initial_epoch = check_integer("initial_epoch", initial_epoch, 0)
    if validation_split is None:
        validation_split = 0.0  # as Keras takes it
    share = check_share("validation_split", validation_split, zero=True)
    shuffle = check_truth("shuffle", shuffle)
    for name, given in (("x", x), ("y", y)):
        if isinstance(given, list | tuple | dict) and any(
            leaf is None for leaf in keras.tree.flatten(given)
        ):
            raise ValueError(
                f"`{name}` has gaps. "
                f"Received: {keras.tree.map_structure(type, given)}. "
                "Expected: an array in every place of the structure."
            )

    if splits is not None and share:
        raise ValueError(
            "`validation_split` has no meaning where the model was given its "
            f"splits. Received: validation_split={share}. "
            "Expected: no `validation_split`."
        )
    settings = dataclasses.replace(
        settings, validation_split=share or settings.validation_split
    )
    has_clean_set = settings.holdout_split > 0 or validation_data is not None
    if settings.acceptance == "holdout" and not has_clean_set:
        raise ValueError(
            "There is no clean set to judge shadows on. Received: "
            f"acceptance='holdout', holdout_split={settings.holdout_split}, "
            "and no `validation_data`. Expected: one of the two."
        )
    read = functools.partial(
        read_data,
        memory_limit=settings.memory_limit,
        cache_dir=settings.cache_dir,
        files=files,
    )
    data, source_batch_size = read(x, y, sample_weight, class_weight)
    if splits is not None:
        tasks = splits.tasks(data, settings.num_tasks, settings.seed)
    else:
        tasks = split_tasks(
            data.size,
            settings.num_tasks,
            settings.validation_split,
            settings.holdout_split,
            data.labels if settings.stratify else None,
            settings.seed,
        )
    batch_size = batch_size or source_batch_size or 32
    batches = tuple(
        TrainingBatches(
            task.train_indices,
            batch_size,
            task=number,
            seed=settings.seed,
            shuffle=shuffle,
            first_step=first_step,
        )
        for number, task in enumerate(tasks)
    )
    evaluation_batch_size = validation_batch_size or batch_size
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
    if validation_data is not None:
        clean_data, clean_batches = _read_validation_data(
            validation_data,
            validation_batch_size,
            batch_size,
            validation_steps,
            read,
        )
        given_set = EvaluationSet(clean_data, clean_batches, clean_set.seed)
        clean_set = given_set

    steps_per_pass = batches[0].steps_per_pass
    limit = keras.config.max_steps_per_epoch()  # for debugging runs
    requested = min(steps_per_epoch or steps_per_pass, limit or sys.maxsize)
    # As in Keras: executions are whole, unless the pass ends before.
    count = math.ceil(requested / steps_per_execution)
    steps = min(count * steps_per_execution, steps_per_pass)
    numbers = range(initial_epoch, epochs)
    planned = Epochs(numbers, steps, steps_per_pass, max_steps)
    if requested > steps_per_pass or planned.is_interrupted:
        warnings.warn(
            "Epochs end early, with the training set of a task. Received: "
            f"steps_per_epoch={requested}, where a pass has "
            f"{steps_per_pass} batches. Expected: steps that divide it.",
            stacklevel=3,  # the call of `fit`
        )
    average_start = None
    if average_from is not None:
        average_start = first_step + int(average_from * planned.total_steps)
    return FitPlan(
        settings=settings,
        data=data,
        training_data=data.for_training(),
        tasks=tasks,
        batches=batches,
        validation_sets=tuple(validation_sets),
        validation_batch_size=evaluation_batch_size,
        validation_freq=validation_freq,
        epochs=planned,
        steps_per_epoch=requested,
        validation_data=given_set,
        clean_set=clean_set if len(clean_set.batches) else None,
        average_start=average_start,
    )


def _read_validation_data(
    validation_data: Any,
    requested_batch_size: int | None,
    batch_size: int,
    steps: int | None,
    read: Callable[..., tuple[IndexedData, int | None]],
) -> tuple[IndexedData, BatchWindow]:
    """Reads clean data; a dataset comes in batches of its own, as in Keras."""
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
    batch_size = requested_batch_size or source_batch_size or batch_size
    size = data.size if steps is None else min(data.size, steps * batch_size)
    return data, in_order(np.arange(size), batch_size)
