"""Some samples of a source, kept in memory or in a temporary file."""

import errno
import math
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import aligned_empty
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.layout import Layout

IntArray = npt.NDArray[np.int64]
Leaf = npt.NDArray[Any]


class Collection:
    """Samples by their position in a source.

    Where they take more memory than allowed they go into a temporary file,
    which is read batch by batch: what was read is kept out of memory and yet
    is not read from the source again.

    Args:
        positions: Integer array, which samples; repetitions are dropped.
        layout: What a sample looks like.
        memory: Integer, bytes that the samples may take.
        part: Integer, bytes of a run of batches that is read from a file.
    """

    def __init__(
        self, positions: IntArray, layout: Layout, memory: int, part: int
    ) -> None:
        self.positions = np.unique(positions)
        self.in_memory = len(self.positions) * layout.sample_bytes <= memory
        self._layout = layout
        self._part = part
        self._columns = [
            _MemoryColumn(len(self.positions), shape, dtype)
            if self.in_memory or dtype.hasobject
            else _FileColumn(shape, dtype)
            for shape, dtype in zip(layout.shapes, layout.dtypes, strict=True)
        ]
        self._count = 0

    @property
    def is_complete(self) -> bool:
        """Whether all samples have been added."""
        return self._count == len(self.positions)

    def holds(self, positions: IntArray) -> bool:
        """Says whether all of some positions are among these."""
        slots = np.searchsorted(self.positions, positions)
        slots[slots == len(self.positions)] = 0
        return len(self.positions) > 0 and bool(
            (self.positions[slots] == positions).all()
        )

    def add(self, positions: IntArray, leaves: Sequence[Leaf]) -> None:
        """Takes what belongs here out of a batch.

        Args:
            positions: Integer array, ascending, the positions of the batch.
            leaves: Its arrays.
        """
        rows = np.flatnonzero(
            np.isin(positions, self.positions, assume_unique=True)
        )
        if not len(rows):
            return
        slots = np.searchsorted(self.positions, positions[rows])
        for column, leaf in zip(self._columns, leaves, strict=True):
            column.write(slots, leaf[rows])
        self._count += len(rows)

    def take(self, positions: IntArray) -> list[Leaf]:
        """Returns the arrays of some samples, in the order asked for."""
        slots = np.searchsorted(self.positions, positions)
        return [column.take(slots) for column in self._columns]

    def whole(self) -> list[Leaf]:
        """Returns the arrays of all samples, of a collection in memory."""
        return [column.array for column in self._columns]  # type: ignore[union-attr]

    def window(self, batches: BatchWindow) -> BatchWindow:
        """Returns batches as places in `whole`."""
        order = np.searchsorted(self.positions, batches.order)
        return BatchWindow(order, batches.splits)

    def runs(self, batches: BatchWindow) -> Iterator[BatchWindow]:
        """Cuts batches into runs that may be in memory at once."""
        return batches.runs(
            max(1, self._part // max(1, self._layout.sample_bytes))
        )


class _MemoryColumn:
    def __init__(self, size: int, shape: Sequence[int], dtype: Any) -> None:
        self.array = aligned_empty((size, *shape), dtype)

    def write(self, slots: IntArray, rows: Leaf) -> None:
        self.array[slots] = rows

    def take(self, slots: IntArray) -> Leaf:
        taken: Leaf = self.array[slots]
        return taken


class _FileColumn:
    """An array whose rows lie in a file without a name."""

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)
        self._row = math.prod(shape) * self._dtype.itemsize
        # Not mapped into memory: its pages would count as the process' own.
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            prefix="keras_amto_", buffering=0
        )
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()

    def write(self, slots: IntArray, rows: Leaf) -> None:
        try:
            for slot, row in zip(slots.tolist(), _bytes_of(rows), strict=True):
                self._file.seek(slot * self._row)
                if self._file.write(row) != self._row:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OSError(
                error.errno,
                "The samples of a round do not fit into memory_limit, and not "
                f"into a temporary file either: {error.strerror}. "
                f"Received: a file in {tempfile.gettempdir()!r}. "
                "Expected: room there, another TMPDIR, a shorter "
                "transfer_interval, or a larger memory_limit",
            ) from error

    def take(self, slots: IntArray) -> Leaf:
        taken = aligned_empty((len(slots), *self._shape), self._dtype)
        rows = zip(slots.tolist(), _bytes_of(taken), strict=True)
        with self._lock:  # a file has one place at a time
            for slot, row in rows:
                self._file.seek(slot * self._row)
                self._file.readinto(row)
        return taken


def _bytes_of(rows: Leaf) -> Any:
    return np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
