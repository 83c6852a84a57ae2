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
    stream of the seed. A share is rounded up to whole samples, so 10 % of 15
    samples are 2.

    Args:
        size: Integer, the number of samples n.
        num_tasks: Integer, M, at least 1.
        validation_split: Float in (0, 1). Share of D_m^v in the samples that
            are not held out.
        holdout_split: Float in [0, 1). Share of the holdout in all samples.
            Defaults to `0.0`, no holdout.
        labels: Optional array of shape `(n,)`. Where given, every part holds
            each class in proportion.
        seed: Integer, at least 0.

    Returns:
        Tuple of M `Task`s. Training and validation indices of a task are
        disjoint, and with the holdout they cover `0 ... n - 1`.

    Raises:
        ValueError: if a part would hold no sample, or, with `labels`, not every
            class.

    Example:

    >>> task, = split_tasks(10, num_tasks=1, validation_split=0.2)
    >>> len(task.train_indices), len(task.validation_indices)
    (8, 2)
    """
    groups = _groups(size, labels)
    rest, holdout = _split(
        groups, holdout_split, "holdout", random_stream(seed, Purpose.HOLDOUT)
    )
    tasks = []
    for task in range(num_tasks):
        train, validation = _split(
            rest,
            validation_split,
            "validation",
            random_stream(seed, Purpose.SPLIT, task),
        )
        tasks.append(
            Task(_positions(train), _positions(validation), _positions(holdout))
        )
    return tuple(tasks)


def _groups(size: int, labels: npt.NDArray[Any] | None) -> list[IntArray]:
    """Positions of the samples, together or by class."""
    if labels is None:
        return [np.arange(size)]
    _, positions = np.unique(labels, return_inverse=True)
    return [np.flatnonzero(positions == c) for c in range(positions.max() + 1)]


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


def class_labels(y: Any) -> npt.NDArray[Any]:
    """Returns one class a sample, for a stratified split.

    Args:
        y: Array of class indices or names, shape `(n,)` or `(n, 1)`, or of
            one-hot rows, shape `(n, classes)`.

    Returns:
        Array of shape `(n,)`.

    Raises:
        ValueError: if `y` is not such an array.
    """
    if isinstance(y, np.ndarray):
        if y.ndim == 1:
            return y
        if y.ndim == 2:
            return y[:, 0] if y.shape[1] == 1 else np.argmax(y, axis=1)
    received = y.shape if isinstance(y, np.ndarray) else type(y)
    raise ValueError(
        "`stratify=True` needs one class a sample. "
        f"Received: y with shape or type {received}. "
        "Expected: an array of shape (n,), (n, 1) or one-hot (n, classes)."
    )
