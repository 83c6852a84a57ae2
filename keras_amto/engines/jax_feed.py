"""Samples on the devices, and batches as positions in them."""

import weakref
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from keras_amto.engines.jax_rows import Rows
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import IndexedData

Positions = npt.NDArray[np.int32]

_PART = 64 * 2**20  # bytes that are sent at a time where data are on disk


class Feed:
    """Sets in memory lie on the devices, each once; others come in parts.

    A set is forgotten with its owner. One feed serves rows on the same devices.
    """

    def __init__(self) -> None:
        self._there: weakref.WeakKeyDictionary[IndexedData, Any] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(
        self, data: IndexedData, windows: Sequence[BatchWindow], rows: Rows
    ) -> Iterator[tuple[Any, Positions]]:
        """Yields batches that go on together, for each window at once.

        Windows have batches of the same sizes. Yields samples on the devices,
        and positions in them of shape `(steps, windows, batch size)`; all
        batches of a yield are of one size.
        """
        if data.is_in_memory:
            if data not in self._there:
                self._there[data] = rows.put(data.arrays)
            samples = self._there[data]
            for positions in _runs(windows):
                yield samples, positions.astype(np.int32)
            return
        one = jax.tree.leaves(data.sample(1).arrays)
        sample_bytes = sum(leaf.nbytes for leaf in one)
        for positions in _runs(windows):
            step = positions[0].size * max(1, sample_bytes)
            count = max(1, _PART // step)
            for begin in range(0, len(positions), count):
                part = positions[begin : begin + count]
                # Of few lengths: each is compiled for.
                length = 1 << (part.size - 1).bit_length()
                gathered = data.batch(np.resize(part.reshape(-1), length))
                samples = rows.put(gathered.arrays)
                numbers = np.arange(part.size, dtype=np.int32)
                yield samples, numbers.reshape(part.shape)


def _runs(windows: Sequence[BatchWindow]) -> Iterator[npt.NDArray[np.int64]]:
    """Cuts windows into runs of batches of one size."""
    splits = windows[0].splits
    sizes = np.diff(splits)
    begins = [0, *np.flatnonzero(np.diff(sizes)) + 1, len(sizes)]
    for begin, end in zip(begins[:-1], begins[1:], strict=True):
        rows = slice(splits[begin], splits[end])
        shape = (end - begin, sizes[begin])
        yield np.stack([w.order[rows].reshape(shape) for w in windows], axis=1)
