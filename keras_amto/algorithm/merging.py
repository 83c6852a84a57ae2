"""Averages of networks, whose weights and optimizer slots are arrays.

Not in the paper of AMTO. Networks that have trained on from a common ancestor
can be averaged weight by weight, and the average is often better than each:

- over a population, while it trains: Jolicoeur-Martineau, Gervais, Fatras,
  Zhang, Lacoste-Julien, "PopulAtion Parameter Averaging (PAPA)", TMLR 2024;
- over the last part of training: Izmailov, Podoprikhin, Garipov, Vetrov and
  Wilson, "Averaging Weights Leads to Wider Optima and Better Generalization",
  UAI 2018.

Whole numbers, such as counters, have no mean: they are those of one network.
"""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Arrays = tuple[npt.NDArray[Any], ...]


def merge(members: Sequence[Sequence[Any]]) -> Arrays:
    r"""Returns the mean of several networks, array by array.

    $$\bar\theta = \frac{1}{n} \sum_{i=1}^{n} \theta_i$$

    Args:
        members: Arrays of each network, in the same order. Whole numbers are
            those of the first.

    >>> [a.tolist() for a in merge([[np.array([1.0])], [np.array([2.0])]])]
    [[1.5]]
    """
    return tuple(
        np.mean(values, axis=0, dtype=np.float64).astype(values[0].dtype)
        if _is_real(values[0])
        else values[0]
        for values in zip(*(map(np.asarray, m) for m in members), strict=True)
    )


def pull(members: Sequence[Sequence[Any]], factor: float) -> tuple[Arrays, ...]:
    r"""Returns the networks, each pulled towards the mean of all.

    $$\theta_i \leftarrow \alpha \theta_i + (1 - \alpha) \bar\theta$$

    Args:
        members: Arrays of each network, in the same order.
        factor: Float in [0, 1], alpha. PAPA has 0.99, every ten steps.
    """
    mean = merge(members)

    def pulled(value: Any, centre: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array: npt.NDArray[Any] = np.asarray(value)
        if not _is_real(array):
            return array
        moved = factor * array.astype(np.float64) + (1 - factor) * centre
        return np.asarray(moved, array.dtype)

    return tuple(tuple(map(pulled, member, mean)) for member in members)


class RunningMean(NamedTuple):
    """The mean of all networks that were added, without keeping any of them.

    Attributes:
        arrays: Their mean, in single precision at least. Whole numbers are
            those of the last network.
        networks: Integer, how many there were.
    """

    arrays: Arrays = ()
    networks: int = 0

    def add(self, members: Sequence[Sequence[Any]]) -> "RunningMean":
        """Returns the mean with more networks in it.

        >>> mean = RunningMean().add([[np.array([1.0])], [np.array([4.0])]])
        >>> mean.add([[np.array([7.0])]]).arrays[0].tolist()
        [4.0]
        """
        columns = zip(*members, strict=True)
        before = self.arrays or (0.0,) * len(members[0])
        return RunningMean(
            tuple(
                _mean(old, self.networks, values)
                for old, values in zip(before, columns, strict=True)
            ),
            self.networks + len(members),
        )


EMPTY_MEAN = RunningMean()


def _mean(old: Any, count: int, values: Sequence[Any]) -> npt.NDArray[Any]:
    arrays = list(map(np.asarray, values))
    if not _is_real(arrays[0]):
        return arrays[-1]
    total = np.multiply(old, count, dtype=np.float64)
    for array in arrays:
        total = total + array
    mean = total / (count + len(arrays))
    return np.asarray(mean, np.result_type(arrays[0].dtype, np.float32))


def _is_real(array: npt.NDArray[Any]) -> bool:
    # Also bfloat16 and its kin, which NumPy does not call floating.
    return "float" in array.dtype.name
