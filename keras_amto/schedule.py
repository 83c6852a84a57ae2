"""When rounds, epochs and executions begin and end. Pure arithmetic."""

import dataclasses
import math
from collections.abc import Iterator
from typing import NamedTuple


@dataclasses.dataclass(frozen=True)
class Epochs:
    """The epochs of one `fit` and the steps that each of them has.

    As in Keras, an epoch never reaches beyond a pass over the training set: it
    has `steps_per_epoch` steps, or those that are left of the pass if they are
    fewer. Every `fit` begins with a pass.

    Attributes:
        numbers: The numbers of the epochs.
        steps_per_epoch: Integer, at least 1.
        steps_per_pass: Integer, at least 1: the batches of a pass.
        max_steps: Integer, training ends after so many steps at the latest, or
            `None`.
    """

    numbers: range
    steps_per_epoch: int
    steps_per_pass: int
    max_steps: int | None = None

    @property
    def total_steps(self) -> int:
        """The steps of all epochs together."""
        steps = self._begin(len(self.numbers))
        return steps if self.max_steps is None else min(steps, self.max_steps)

    @property
    def is_interrupted(self) -> bool:
        """Whether the training set ends before some epoch has all its steps."""
        whole = len(self.numbers) * self.steps_per_epoch
        return self._begin(len(self.numbers)) < whole

    def last_number(self) -> int:
        """Returns the number of the epoch after the last that has steps."""
        if self.max_steps is None or not self.numbers:
            return self.numbers.stop
        return self.at(self.total_steps - 1)[0] + 1

    def at(self, step: int) -> tuple[int, int, int]:
        """Says where a step lies.

        Args:
            step: Integer, counted from 0 at the beginning of the `fit`.

        Returns:
            Tuple of the epoch's number, the batch within it, and the steps that
            the epoch has from there on.
        """
        passed, position = divmod(step, self.steps_per_pass)
        within, batch = divmod(position, self.steps_per_epoch)
        index = passed * self._epochs_per_pass + within
        end = min(self._begin(index + 1), self.total_steps)
        return self.numbers.start + index, batch, end - step

    @property
    def _epochs_per_pass(self) -> int:
        return math.ceil(self.steps_per_pass / self.steps_per_epoch)

    def _begin(self, index: int) -> int:
        passes, epochs = divmod(index, self._epochs_per_pass)
        return passes * self.steps_per_pass + epochs * self.steps_per_epoch


class Execution(NamedTuple):
    """Steps that are trained without anyone looking in between.

    Attributes:
        epoch: Integer, the epoch it lies in.
        batch: Integer, its first batch within the epoch.
        steps: Integer, how many.
        starts_epoch: Boolean.
        ends_epoch: Boolean.
        starts_round: Boolean.
        ends_round: Boolean. The last execution of a schedule always ends its
            round, even one that is cut short.
        is_last: Boolean, whether the schedule ends with it.
        cuts_round: Boolean, whether it ends a round that would go on if there
            were more epochs.
    """

    epoch: int
    batch: int
    steps: int
    starts_epoch: bool
    ends_epoch: bool
    starts_round: bool
    ends_round: bool
    is_last: bool
    cuts_round: bool


def executions(
    epochs: Epochs,
    transfer_interval: int,
    steps_per_execution: int | None = None,
    stop_every: int | None = None,
    first_step: int = 0,
) -> Iterator[Execution]:
    """Cuts training where a round or an epoch ends, or a callback looks.

    Rounds run on across epochs.

    Args:
        epochs: The epochs to train.
        transfer_interval: Integer, c, at least 1: the steps of a round.
        steps_per_execution: Integer, at most so many steps at once, or `None`
            for as many as possible.
        stop_every: Integer, also end an execution after each so many steps of
            the schedule, or `None`.
        first_step: Integer, the steps of the schedule that are done already.

    Returns:
        Iterator of `Execution`s.

    Example:

    >>> epochs = Epochs(range(2), steps_per_epoch=3, steps_per_pass=3)
    >>> [(e.epoch, e.steps, e.ends_round) for e in executions(epochs, 4)]
    [(0, 3, False), (1, 1, True), (1, 2, True)]
    """
    total = epochs.total_steps
    step = first_step
    while step < total:
        epoch, batch, left = epochs.at(step)
        in_round = step % transfer_interval
        steps = min(left, transfer_interval - in_round)
        if steps_per_execution is not None:
            steps = min(steps, steps_per_execution)
        if stop_every is not None:
            steps = min(steps, stop_every - step % stop_every)
        step += steps
        yield Execution(
            epoch=epoch,
            batch=batch,
            steps=steps,
            starts_epoch=batch == 0,
            ends_epoch=steps == left,
            starts_round=in_round == 0,
            ends_round=step % transfer_interval == 0 or step == total,
            is_last=step == total,
            cuts_round=step % transfer_interval != 0 and step == total,
        )
