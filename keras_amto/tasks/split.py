"""Formulating M tasks: random pairs of training and validation sets.

Paper, section III-B-1: the gross training set is split at random M times into
{D_m^t, D_m^v}, which gives the tasks T_m of equation 2.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream

IntArray = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """One task T_m: which samples it trains on and which validate it.

    All arrays hold positions in the gross set, in ascending order, and are
    read-only.

    Attributes:
        train_indices: Integer array, the samples of D_m^t.
        validation_indices: Integer array, the samples of D_m^v.
        holdout_indices: Integer array, the clean holdout that no task trains
            on or validates with, common to all tasks; empty without one.
    """

    train_indices: IntArray
    validation_indices: IntArray
    holdout_indices: IntArray


def split_tasks(
    size: int,
    num_tasks: int,
    validation_split: float,
    holdout_split: float = 0.0,
    labels: npt.NDArray[Any] | None = None,
    seed: int = 0,
) -> tuple[Task, ...]:
    """Splits a gross set of samples into M tasks and a common holdout.

    The holdout is drawn first; each task then splits what is left, by its own
    stream of the seed, and with `labels` every part holds each class in
    proportion. A share is rounded up to whole samples, so 10 % of 15 samples
    are 2.

    Raises:
        ValueError: if a part would hold no sample, or, with `labels`, not every
            class.

    >>> task, = split_tasks(10, num_tasks=1, validation_split=0.2)
    >>> len(task.train_indices), len(task.validation_indices)
    (8, 2)
    """
    groups = [np.arange(size)]
    if labels is not None:
        _, classes = np.unique(labels, return_inverse=True)
        count = classes.max() + 1
        groups = [np.flatnonzero(classes == c) for c in range(count)]
    rest, holdout = _split(
        groups, holdout_split, "holdout", random_stream(seed, Purpose.HOLDOUT)
    )
    tasks = []
    for task in range(num_tasks):
        stream = random_stream(seed, Purpose.SPLIT, task)
        train, valid = _split(rest, validation_split, "validation", stream)
        tasks.append(Task(*map(_positions, (train, valid, holdout))))
    return tuple(tasks)


def _split(
    groups: list[IntArray],
    share: float,
    part: str,
    generator: np.random.Generator,
) -> tuple[list[IntArray], list[IntArray]]:
    """Takes a share of every group at random: what stays, what was taken."""
    stays, taken = [], []
    for group in groups:
        # Rounded before the ceiling: 2240 * 0.1 is 224.00000000000003.
        count = math.ceil(round(len(group) * share, 6))
        if count >= len(group) or (share > 0 and count < 1):
            kind = "a class of" if len(groups) > 1 else "a set of"
            raise ValueError(
                f"The {part} split leaves no sample on one side of {kind} "
                f"{len(group)} samples. Received: {part}_split={share}. "
                "Expected: a split that leaves at least one sample of each "
                "kind for training and one for validation; give more data or "
                "another split."
            )
        shuffled = generator.permutation(group)
        taken.append(shuffled[:count])
        stays.append(shuffled[count:])
    return stays, taken


def _positions(groups: list[IntArray]) -> IntArray:
    positions = np.sort(np.concatenate(groups))
    positions.setflags(write=False)
    return positions
