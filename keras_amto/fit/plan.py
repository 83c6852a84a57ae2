"""All that one call of `fit` does, settled before its first step."""

import dataclasses
import functools
from collections.abc import Collection

from keras_amto.algorithm import EMPTY_MEAN
from keras_amto.amto import Problem
from keras_amto.amto import RunState
from keras_amto.engines import Engine
from keras_amto.fit.carried import Beginning
from keras_amto.schedule import Epochs
from keras_amto.settings import Settings
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import Task
from keras_amto.tasks import TrainingBatches


@dataclasses.dataclass(frozen=True, eq=False)
class FitPlan:
    """One call of `fit`, with nothing left to decide."""

    settings: Settings  # with the `validation_split` of this call
    beginning: Beginning
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

    @functools.cached_property
    def sample(self) -> IndexedData:
        """A batch of the training set, from which networks are built."""
        return self.training_data.sample(self.batches[0].batch_size)

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
        return run.step - self.beginning.step

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
        # Rounds that have ended since belong to an average of so many epochs.
        # Those of before cannot be taken out, nor those of now be made again.
        ended = run.last_round.step
        if self.average_start is not None and ended > self.average_start:
            raise ValueError(
                "The average of the backup is not that of so many epochs. "
                f"Received: epochs={self.epochs.numbers.stop}, whose average "
                f"begins after step {self.average_start}, and a backup whose "
                f"last round ended at step {ended}, and whose average begins "
                f"after step {run.average_start}. "
                "Expected: as many epochs as before."
            )
        return dataclasses.replace(
            run, average=EMPTY_MEAN, average_start=self.average_start
        )

    def validates_after(self, epoch: int) -> bool:
        """Says whether an epoch ends with a validation, as in Keras."""
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq
