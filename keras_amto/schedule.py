"""When rounds, epochs and executions begin and end. Pure arithmetic."""

from collections.abc import Iterator
from typing import NamedTuple


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
            round, be it cut short.
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
    cuts_round: bool


def executions(
    epochs: range,
    steps_per_epoch: int,
    transfer_interval: int,
    steps_per_execution: int | None = None,
    stop_every: int | None = None,
    first_step: int = 0,
) -> Iterator[Execution]:
    """Cuts training where a round or an epoch ends, or a callback looks.

    Rounds run on across epochs.

    Args:
        epochs: The epochs to train.
        steps_per_epoch: Integer, at least 1.
        transfer_interval: Integer, c, at least 1: the steps of a round.
        steps_per_execution: Integer, at most so many steps at once, or `None`
            for as many as possible.
        stop_every: Integer, also end an execution after each so many steps of
            the schedule, or `None`.
        first_step: Integer, the steps of the schedule that are done already.

    Returns:
        Iterator of `Execution`s.

    Example:

    >>> [(e.epoch, e.steps, e.ends_round) for e in executions(range(2), 3, 4)]
    [(0, 3, False), (1, 1, True), (1, 2, True)]
    """
    longest = steps_per_execution or steps_per_epoch
    total = len(epochs) * steps_per_epoch
    step = first_step
    while step < total:
        passed, batch = divmod(step, steps_per_epoch)
        in_round = step % transfer_interval
        steps = min(
            longest, steps_per_epoch - batch, transfer_interval - in_round
        )
        if stop_every is not None:
            steps = min(steps, stop_every - step % stop_every)
        step += steps
        yield Execution(
            epoch=epochs[passed],
            batch=batch,
            steps=steps,
            starts_epoch=batch == 0,
            ends_epoch=step % steps_per_epoch == 0,
            starts_round=in_round == 0,
            ends_round=step % transfer_interval == 0 or step == total,
            cuts_round=step % transfer_interval != 0 and step == total,
        )
