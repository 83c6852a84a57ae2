"""Which samples make a batch: a pure function of (seed, task, step)."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream

IntArray = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class BatchWindow:
    """Consecutive batches as positions in the gross set.

    Batch i is `order[splits[i]:splits[i + 1]]`.
    """

    order: IntArray
    splits: IntArray

    def __len__(self) -> int:
        return len(self.splits) - 1

    def __getitem__(self, index: int) -> IntArray:
        return self.order[self.splits[index] : self.splits[index + 1]]

    def runs(self, limit: int) -> Iterator["BatchWindow"]:
        """Cuts the batches into runs of at most `limit` samples, or a batch."""
        begin = 0
        while begin < len(self):
            stop = self.splits[begin] + limit
            end = int(np.searchsorted(self.splits, stop, side="right")) - 1
            end = max(end, begin + 1)
            splits = self.splits[begin : end + 1]
            yield BatchWindow(
                self.order[splits[0] : splits[-1]], splits - splits[0]
            )
            begin = end


@dataclasses.dataclass(frozen=True)
class TrainingBatches:
    """The endless sequence of a task's training batches.

    A pass goes once through D_m^t in an order drawn from (seed, task, pass), in
    batches of `batch_size` with a shorter last one, as in Keras; the next pass
    follows without a gap. Any step can be asked for at any time. The first pass
    begins at `first_step`.
    """

    train_indices: IntArray
    batch_size: int
    task: int
    seed: int
    shuffle: bool = True
    first_step: int = 0
    # The order of the last pass, for those who ask step by step.
    _last: dict[int, IntArray] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def steps_per_pass(self) -> int:
        """Number of batches in one pass over D_m^t."""
        return math.ceil(len(self.train_indices) / self.batch_size)

    def window(self, start: int, stop: int) -> BatchWindow:
        """Returns the batches of steps `start` to `stop - 1`."""
        orders = dict(self._last)
        batches = []
        for step in range(start, stop):
            number, position = divmod(
                step - self.first_step, self.steps_per_pass
            )
            if number not in orders:
                orders[number] = self._order(number)
            begin = position * self.batch_size
            batches.append(orders[number][begin : begin + self.batch_size])
        self._last.clear()
        self._last[number] = orders[number]
        splits = np.cumsum([0, *map(len, batches)], dtype=np.int64)
        return BatchWindow(np.concatenate(batches).astype(np.int64), splits)

    def _order(self, number: int) -> IntArray:
        if not self.shuffle:
            return self.train_indices
        # Passes are counted from where this `fit` began, so that none is like
        # one that the last `fit` cut short.
        passes, rest = divmod(self.first_step, self.steps_per_pass)
        key = (passes + number, rest) if rest else (passes + number,)
        stream = random_stream(self.seed, Purpose.SHUFFLE, self.task, *key)
        return stream.permutation(self.train_indices)


def in_order(indices: IntArray, batch_size: int) -> BatchWindow:
    """Cuts a set of samples into batches, in their order, for evaluation.

    >>> [batch.tolist() for batch in in_order(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    splits = [*range(0, len(indices), batch_size), len(indices)]
    return BatchWindow(np.asarray(indices, np.int64), np.asarray(splits))
