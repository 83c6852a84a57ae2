"""Settling everything that one call of `fit` does, before its first step."""

import contextlib
import dataclasses
import math
import sys
import warnings
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_amto.amto import RunState
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_optional_integer
from keras_amto.arguments import check_share
from keras_amto.arguments import check_truth
from keras_amto.arguments import check_validation_freq
from keras_amto.schedule import Epochs
from keras_amto.settings import Settings
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import Task
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import evaluation_seed
from keras_amto.tasks import in_order
from keras_amto.tasks import is_dataset
from keras_amto.tasks import read_data
from keras_amto.tasks import split_tasks


@dataclasses.dataclass(frozen=True, eq=False)
class FitPlan:
    """One call of `fit`, with nothing left to decide.

    Attributes:
        settings: Those of the `AMTOModel`, with the `validation_split` of this
            call.
        data: The gross training set, as it is evaluated.
        training_data: The same samples, as they are trained on: weighted by
            class where the user wants that.
        tasks: The M tasks.
        batch_size: Integer, samples a training batch.
        validation_batch_size: Integer, samples a validation batch.
        epochs: The epochs to train.
        steps_per_epoch: Integer, what was asked for.
        first_step: Integer, the steps that were made before this call.
        shuffle: Boolean, whether training samples are shuffled.
        validation_freq: Integer or collection of integers, as in Keras.
        validation_data: The clean set that the user gave, or `None`.
        holdout: The clean set that was held out, or `None`.
    """

    settings: Settings
    data: IndexedData
    training_data: IndexedData
    tasks: tuple[Task, ...]
    batch_size: int
    validation_batch_size: int
    epochs: Epochs
    steps_per_epoch: int
    first_step: int
    shuffle: bool
    validation_freq: int | Collection[int]
    validation_data: EvaluationSet | None
    holdout: EvaluationSet | None

    @property
    def clean_set(self) -> EvaluationSet | None:
        """The set to select on that no task has seen, where there is one."""
        return self.validation_data or self.holdout

    def training_batches(self, task: int) -> TrainingBatches:
        """Returns the endless training batches of a task."""
        return TrainingBatches(
            self.tasks[task].train_indices,
            self.batch_size,
            task=task,
            seed=self.settings.seed,
            shuffle=self.shuffle,
            first_step=self.first_step,
        )

    def validation_samples(self, task: int) -> EvaluationSet:
        """Returns D_m^v of a task in batches."""
        indices = self.tasks[task].validation_indices
        return EvaluationSet(
            self.data,
            in_order(indices, self.validation_batch_size),
            evaluation_seed(self.settings.seed, task),
        )

    def sample_batch(self) -> IndexedData:
        """Returns one training batch, to build networks with."""
        return self.training_data.sample(self.batch_size)

    def refuse_fewer_epochs(self, run: RunState) -> None:
        """Raises where training would have ended before a backup.

        Args:
            run: The state that was backed up.
        """
        made = run.step - self.first_step
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

    def validates_after(self, epoch: int) -> bool:
        """Says whether an epoch ends with a validation, as in Keras."""
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def plan_fit(
    settings: Settings,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    batch_size: Any,
    initial_epoch: Any,
    epochs: Any,
    steps_per_epoch: Any,
    shuffle: Any,
    validation_split: Any,
    validation_data: Any,
    validation_batch_size: Any,
    validation_steps: Any,
    validation_freq: Any,
    steps_per_execution: int,
    max_steps: int | None,
    first_step: int,
    files: contextlib.ExitStack,
) -> FitPlan:
    """Checks the arguments of `fit`, reads the data and formulates the tasks.

    Args:
        settings: Those of the `AMTOModel`.
        x: And others up to `validation_freq`: the arguments of `AMTOModel.fit`.
        steps_per_execution: Integer, as it was compiled.
        max_steps: Integer, training ends after so many steps, or `None`.
        first_step: Integer, the steps that were made before this call.
        files: Closes the files that samples are written to.

    Returns:
        A `FitPlan`.

    Raises:
        OSError: if the disk has no room for the samples.
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument or the data cannot be used.
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
    epoch_range = range(
        check_integer("initial_epoch", initial_epoch, 0),
        check_integer("epochs", epochs, 0),
    )
    if validation_split is None:
        validation_split = 0.0  # as Keras takes it
    share = check_share("validation_split", validation_split, zero=True)
    shuffle = check_truth("shuffle", shuffle)
    for name, data in (("x", x), ("y", y)):
        _refuse_gaps(name, data)

    settings = dataclasses.replace(
        settings, validation_split=share or settings.validation_split
    )
    data, source_batch_size = read_data(
        x,
        y,
        sample_weight,
        class_weight,
        settings.memory_limit,
        settings.cache_dir,
        files,
    )
    batch_size = batch_size or source_batch_size or 32
    tasks = split_tasks(
        data.size,
        settings.num_tasks,
        settings.validation_split,
        settings.holdout_split,
        data.labels if settings.stratify else None,
        settings.seed,
    )
    requested_validation_batch_size = validation_batch_size
    validation_batch_size = validation_batch_size or batch_size
    held_out = tasks[0].holdout_indices
    clean_seed = evaluation_seed(settings.seed, settings.num_tasks)
    steps_per_pass = math.ceil(len(tasks[0].train_indices) / batch_size)
    limit = keras.config.max_steps_per_epoch()  # for debugging runs
    requested = min(steps_per_epoch or steps_per_pass, limit or sys.maxsize)
    return FitPlan(
        settings=settings,
        data=data,
        training_data=data.for_training(),
        tasks=tasks,
        batch_size=batch_size,
        validation_batch_size=validation_batch_size,
        epochs=_epochs(
            epoch_range,
            requested,
            steps_per_pass,
            steps_per_execution,
            max_steps,
        ),
        steps_per_epoch=requested,
        first_step=first_step,
        shuffle=shuffle,
        validation_freq=validation_freq,
        validation_data=_read_validation_data(
            validation_data,
            requested_validation_batch_size,
            batch_size,
            validation_steps,
            settings,
            clean_seed,
            files,
        ),
        holdout=(
            EvaluationSet(
                data, in_order(held_out, validation_batch_size), clean_seed
            )
            if len(held_out)
            else None
        ),
    )


def _epochs(
    numbers: range,
    steps_per_epoch: int,
    steps_per_pass: int,
    steps_per_execution: int,
    max_steps: int | None,
) -> Epochs:
    """The epochs that Keras would make: of executions that are whole."""
    whole = math.ceil(steps_per_epoch / steps_per_execution)
    steps = min(whole * steps_per_execution, steps_per_pass)
    epochs = Epochs(numbers, steps, steps_per_pass, max_steps)
    if steps_per_epoch > steps_per_pass or epochs.is_interrupted:
        warnings.warn(
            "Epochs end early, with the training set of a task. Received: "
            f"steps_per_epoch={steps_per_epoch}, where a pass has "
            f"{steps_per_pass} batches. Expected: steps that divide it.",
            stacklevel=2,
        )
    return epochs


def _read_validation_data(
    validation_data: Any,
    requested_batch_size: int | None,
    batch_size: int,
    steps: int | None,
    settings: Settings,
    seed: int,
    files: contextlib.ExitStack,
) -> EvaluationSet | None:
    """Reads clean data; a dataset comes in batches of its own, as in Keras."""
    if validation_data is None:
        return None
    x, *rest = _parts(validation_data)
    if steps is not None and is_dataset(x):
        x = x.take(steps)
        steps = None
    y, sample_weight = (*rest, None, None)[:2]
    try:
        data, source_batch_size = read_data(
            x,
            y,
            sample_weight,
            memory_limit=settings.memory_limit,
            cache_dir=settings.cache_dir,
            files=files,
        )
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"`validation_data` cannot be used. {error}") from error
    batch_size = requested_batch_size or source_batch_size or batch_size
    size = data.size if steps is None else min(data.size, steps * batch_size)
    return EvaluationSet(data, in_order(np.arange(size), batch_size), seed)


def _parts(validation_data: Any) -> Any:
    if isinstance(validation_data, tuple | list):
        count = len(validation_data)
        if not 1 <= count <= 3:
            raise ValueError(
                f"`validation_data` has too {'many' if count else 'few'} "
                f"parts. Received: {count} of them. "
                "Expected: (x, y), (x, y, sample_weight), or a dataset."
            )
    return keras.utils.unpack_x_y_sample_weight(validation_data)


def _refuse_gaps(name: str, data: Any) -> None:
    if isinstance(data, list | tuple | dict) and any(
        leaf is None for leaf in keras.tree.flatten(data)
    ):
        raise ValueError(
            f"`{name}` has gaps. "
            f"Received: {keras.tree.map_structure(type, data)}. "
            "Expected: an array in every place of the structure."
        )
