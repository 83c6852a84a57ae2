"""Reading a dataset once, into memory or onto disk."""

import contextlib
import dataclasses
import errno
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import aligned_empty
from keras_amto.tasks.arrays import leaves
from keras_amto.tasks.arrays import map_arrays
from keras_amto.tasks.arrays import to_arrays
from keras_amto.tasks.file_array import FileArray
from keras_amto.tasks.sources import Source

Leaf = npt.NDArray[Any]

_SECONDS_OF_SILENCE = 60
_RESERVE = 256 * 2**20  # bytes of a disk that stay free, at most a 20th of it

_logger = logging.getLogger("keras_amto")


def store(
    source: Source,
    memory_limit: int,
    cache_dir: str | os.PathLike[str] | None,
    files: contextlib.ExitStack,
) -> tuple[tuple[Any, Any, Any], int]:
    """Returns `(x, y, sample_weight)`, and the size of the first batch.

    The other arguments are those of `read_data`.
    """
    directory = os.fspath(cache_dir or tempfile.gettempdir())
    samples = _Store(source, memory_limit, directory, files)
    batches = iter(source.batches)
    batch_size, last_sign = 0, time.monotonic()
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            break
        except Exception as error:
            if _is_out_of_memory(error):
                raise
            raise _damaged(source, samples, error) from error
        samples.add(batch)
        batch_size = batch_size or samples.size
        if time.monotonic() - last_sign > _SECONDS_OF_SILENCE:
            last_sign = time.monotonic()
            _logger.warning(
                "The %s has given %d samples so far, and goes on. One that "
                "never ends cannot be used.", source.kind, samples.size,
            )  # fmt: skip
    if not samples.size:
        raise ValueError(
            f"The {source.kind} holds no sample. "
            "Received: no batch. Expected: at least one."
        )
    return samples.pack(), batch_size


@dataclasses.dataclass
class _Store:
    """The samples so far: a column for each array of a batch."""

    source: Source
    limit: int
    directory: str
    files: contextlib.ExitStack
    size: int = 0
    batches: int = 0
    layout: Any = None  # a batch, with shapes and types as text
    columns: list[list[Leaf] | FileArray] = dataclasses.field(
        default_factory=list
    )
    num_bytes: int = 0
    text_bytes: int = 0
    is_on_disk: bool = False

    def add(self, batch: Any) -> None:
        """Appends a batch."""
        parts = _arrays_of(self.source.kind, batch)
        arrays = leaves(parts)
        layout = map_arrays(lambda a: f"{a.dtype} {a.shape[1:]}", parts)
        if not self.batches:
            self.layout = layout
            self.columns = [[] for _ in arrays]
        if layout != self.layout:
            raise ValueError(
                f"The samples of the {self.source.kind} differ in shape, type "
                f"or structure. Received: {layout} as batch {self.batches}, "
                f"after {self.layout}. Expected: one shape and type for all "
                "samples; resize or pad them."
            )
        self.batches += 1
        self.size += len(arrays[0])
        for column, array in zip(self.columns, arrays, strict=True):
            if array.dtype == object:
                self.text_bytes += sum(map(sys.getsizeof, array.flat))
            else:
                self.num_bytes += array.nbytes
            if isinstance(column, FileArray):
                self._write(column, array)
            else:
                column.append(array.copy())  # a dataset may reuse its arrays
        if self.text_bytes > self.limit:
            raise ValueError(
                "Text is kept in memory, and it takes more than memory_limit. "
                f"Received: {self.text_bytes} bytes in {self.size} samples so "
                f"far, and memory_limit={self.limit}. Expected: a larger "
                "`memory_limit`, or numbers; keras.layers.TextVectorization "
                "turns text into token indices."
            )
        used = self.num_bytes + self.text_bytes
        if used > self.limit and not self.is_on_disk:
            self._move_to_disk()

    def pack(self) -> tuple[Any, Any, Any]:
        """Returns `(x, y, sample_weight)`, which takes the columns away."""
        packed = (
            column if isinstance(column, FileArray) else _join(column)
            for column in self.columns
        )
        x, y, sample_weight = map_arrays(lambda _: next(packed), self.layout)
        return x, y, sample_weight

    def _move_to_disk(self) -> None:
        self.is_on_disk = True
        _logger.warning(
            "The %s takes more than memory_limit=%d bytes (%.2f GiB), so its "
            "samples are written to disk, in %s, until training ends.",
            self.source.kind, self.limit, self.limit / 2**30, self.directory,
        )  # fmt: skip
        self._refuse_above(self._expected_bytes)
        for index, column in enumerate(self.columns):
            if isinstance(column, FileArray) or column[0].dtype == object:
                continue
            shape, dtype = column[0].shape[1:], column[0].dtype
            file = FileArray(self.directory, shape, dtype)
            self.files.callback(file.close)
            self.columns[index] = file
            for array in _taken_from(column):
                self._write(file, array)

    def _write(self, file: FileArray, array: Leaf) -> None:
        self._refuse_above(array.nbytes)
        try:
            file.append(array)
        except OSError as error:
            raise self._no_room(error.errno, error.strerror) from error

    @property
    def _expected_bytes(self) -> int:
        count = max(self.source.num_batches or 0, self.batches)
        return self.num_bytes * count // self.batches

    def _refuse_above(self, needed: int) -> None:
        """Raises where so many bytes more would fill the disk."""
        usage = shutil.disk_usage(self.directory)
        if needed > usage.free - min(_RESERVE, usage.total // 20):
            raise self._no_room(errno.ENOSPC, f"{usage.free} bytes are free")

    def _no_room(self, number: int | None, reason: str | None) -> OSError:
        known = self.source.num_batches is not None
        return OSError(
            number,
            f"The samples of the {self.source.kind} take more than "
            "memory_limit, and the disk has no room for them. Received: "
            f"{'about' if known else 'at least'} {self._expected_bytes} bytes "
            f"for cache_dir={self.directory!r} ({reason}), and "
            f"memory_limit={self.limit}. Expected: room on that disk, another "
            "`cache_dir`, or a larger `memory_limit`"
            + ("" if known else ". A dataset that never ends cannot be used"),
        )


def _is_out_of_memory(error: Exception) -> bool:
    # By its name: only TensorFlow has it, which not every backend imports.
    name = type(error).__name__
    return isinstance(error, MemoryError) or name == "ResourceExhaustedError"


def _damaged(source: Source, samples: _Store, error: Exception) -> ValueError:
    what = source.locate(samples.size) or (
        f"batch {samples.batches}, after {samples.size} samples, cannot be read"
    )
    reason = str(getattr(error, "message", error)).partition("\n")[0]
    return ValueError(
        f"The {source.kind} is damaged: {what}. "
        f"Received: {type(error).__name__}: {reason} "
        "Expected: samples that can be read; remove or repair this one."
    )


def _arrays_of(kind: str, batch: Any) -> tuple[Any, Any, Any]:
    """Returns `(x, y, sample_weight)` of a batch."""
    if any(
        isinstance(leaf, str | bytes | int | float | np.generic)
        or getattr(leaf, "shape", None) == ()
        for leaf in keras.tree.flatten(batch)
    ):
        raise ValueError(
            f"The dataset is not batched. Received: a {kind} of elements like "
            f"{keras.tree.map_structure(np.shape, batch)}. "
            "Expected: batches; call `.batch(batch_size)` on it."
        )
    parts = to_arrays(*keras.utils.unpack_x_y_sample_weight(batch))
    # Texts as objects, each of which has its own length.
    x, y, sample_weight = map_arrays(
        lambda a: a.astype(object) if a.dtype.kind in "SU" else a, parts
    )
    return x, y, sample_weight


def _taken_from(column: list[Leaf]) -> Iterator[Leaf]:
    """Yields batches in order, and lets go of each."""
    column.reverse()
    while column:
        yield column.pop()


def _join(column: list[Leaf]) -> Leaf:
    size = sum(map(len, column))
    joined = aligned_empty((size, *column[0].shape[1:]), column[0].dtype)
    start = 0
    for array in _taken_from(column):
        joined[start : start + len(array)] = array
        start += len(array)
    return joined
