"""An array that lies on disk."""

import math
import os
import tempfile
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import aligned_empty
from keras_amto.tasks.arrays import bytes_of


class FileArray:
    """An array in a file, written once and then read by rows.

    The file has no name, so it is gone when the process ends, however it ends.
    Rows are read by position. A memory map would count against the memory of
    the process, and a failing disk would kill it instead of raising an error.
    """

    def __init__(
        self, directory: str, row_shape: tuple[int, ...], dtype: npt.DTypeLike
    ) -> None:
        self.shape = (0, *row_shape)
        self.dtype = np.dtype(dtype)
        self._row_bytes = math.prod(row_shape) * self.dtype.itemsize
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            prefix="keras_amto_", dir=directory, buffering=0
        )
        self._lock = threading.Lock()  # a file has one position
        #: Frees the disk. Rows can no longer be read.
        self.close = weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes of all rows."""
        return len(self) * self._row_bytes

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Writes rows behind the last one."""
        left = bytes_of(np.ascontiguousarray(rows))
        self._file.seek(0, os.SEEK_END)
        while left:
            left = left[self._file.write(left) :]
        self.shape = (self.shape[0] + len(rows), *self.shape[1:])

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Reads rows into an array of their own."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        array = aligned_empty((len(rows), *self.shape[1:]), self.dtype)
        content = bytes_of(array)
        # Neighbours are read together.
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        for run in np.split(rows, breaks) if len(rows) else []:
            size = len(run) * self._row_bytes
            self._read(int(run[0]) * self._row_bytes, content[:size])
            content = content[size:]
        return array

    def _read(self, place: int, into: memoryview) -> None:
        with self._lock:
            self._file.seek(place)
            while into:
                count = self._file.readinto(into)
                if not count:
                    raise OSError("A file of samples has been cut short.")
                into = into[count:]
