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
    """

    epoch: int
    batch: int
    steps: int
    starts_epoch: bool
    ends_epoch: bool
    starts_round: bool
    ends_round: bool


def executions(
    epochs: range,
    steps_per_epoch: int,
    transfer_interval: int,
    steps_per_execution: int | None = None,
) -> Iterator[Execution]:
    """Cuts training where a round or an epoch ends, or a callback looks.

    Rounds run on across epochs.

    Args:
        epochs: The epochs to train.
        steps_per_epoch: Integer, at least 1.
        transfer_interval: Integer, c, at least 1: the steps of a round.
        steps_per_execution: Integer, at most so many steps at once, or `None`
            for as many as possible.

    Returns:
        Iterator of `Execution`s.

    Example:

    >>> [(e.epoch, e.steps, e.ends_round) for e in executions(range(2), 3, 4)]
    [(0, 3, False), (1, 1, True), (1, 2, True)]
    """
    longest = steps_per_execution or steps_per_epoch
    in_round = 0
    for epoch in epochs:
        batch = 0
        while batch < steps_per_epoch:
            steps = min(
                longest,
                steps_per_epoch - batch,
                transfer_interval - in_round,
            )
            ends_epoch = batch + steps == steps_per_epoch
            is_last = ends_epoch and epoch == epochs[-1]
            ends_round = is_last or in_round + steps == transfer_interval
            yield Execution(
                epoch=epoch,
                batch=batch,
                steps=steps,
                starts_epoch=batch == 0,
                ends_epoch=ends_epoch,
                starts_round=in_round == 0,
                ends_round=ends_round,
            )
            batch += steps
            in_round = 0 if ends_round else in_round + steps
