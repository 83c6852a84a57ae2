"""Early stopping by patience, over M tasks.

Paper, section III-B-2: training ends when "the validation loss of any tasks
does not reduce for p consecutive validations". The author's code watches only
task 0. `out_of_patience` offers three readings.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm.transfer import comparable_losses


class Patience(NamedTuple):
    """How long each task has waited for a better validation loss."""

    best: npt.NDArray[np.float64]  # the lowest loss so far, at first `inf`
    wait: npt.NDArray[np.int64]  # validations since then
    improved: npt.NDArray[np.bool_]  # whether the last one was better


def initial_patience(num_tasks: int) -> Patience:
    """Returns the patience of M tasks before their first validation."""
    return Patience(
        best=np.full(num_tasks, np.inf),
        wait=np.zeros(num_tasks, dtype=np.int64),
        improved=np.zeros(num_tasks, dtype=bool),
    )


def update_patience(
    patience: Patience, losses: npt.ArrayLike, min_delta: float = 0.0
) -> Patience:
    """Returns the patience after one more validation of the masters.

    A loss improves on the best if it is finite, and lower by more than
    `min_delta`.

    >>> p = update_patience(initial_patience(2), [1.0, 2.0])
    >>> p = update_patience(p, [1.0, 1.5])
    >>> p.best.tolist(), p.wait.tolist()
    ([1.0, 1.5], [1, 0])
    """
    values = comparable_losses(losses)
    improved = np.isfinite(values) & (values < patience.best - min_delta)
    return Patience(
        best=np.where(improved, values, patience.best),
        wait=np.where(improved, 0, patience.wait + 1),
        improved=improved,
    )


def out_of_patience(
    wait: npt.ArrayLike, limit: int | None, stop_when: str = "any"
) -> bool:
    """Returns whether tasks have waited for `limit` validations (p).

    It takes one task with `stop_when="any"` (the paper), all of them with
    `"all"`, task 0 with `"first"` (the author's code). `None` is no limit.

    >>> readings = "any", "all", "first"
    >>> [out_of_patience([0, 3], 3, stop_when) for stop_when in readings]
    [True, False, False]
    """
    if limit is None:
        return False
    exhausted = np.asarray(wait) >= limit
    if stop_when == "first":
        return bool(exhausted[0])
    return bool(exhausted.any() if stop_when == "any" else exhausted.all())
