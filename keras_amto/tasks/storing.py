"""Reading a dataset once, into memory or onto disk."""

import contextlib
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
from keras_amto.tasks.arrays import common_length
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
    files: contextlib.ExitStack | None,
) -> tuple[tuple[Any, Any, Any], int]:
    """Reads all batches of a source. Arguments as in `read_data`.

    Returns:
        `(x, y, sample_weight)`, and the number of samples in the first batch.
    """
    directory = os.fspath(cache_dir or tempfile.gettempdir())
    samples = _Store(source, memory_limit, directory, files)
    batches = iter(source.batches)
    last_sign = time.monotonic()
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            break
        except Exception as error:
            raise _damaged(source, samples, error) from error
        samples.add(batch)
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
    return samples.pack(), samples.batch_size


class _Store:
    """The samples so far: a column for each array of a batch."""

    def __init__(
        self,
        source: Source,
        memory_limit: int,
        directory: str,
        files: contextlib.ExitStack | None,
    ) -> None:
        self.size = self.batches = self.batch_size = 0
        self._source = source
        self._limit = memory_limit
        self._directory = directory
        self._files = files
        self._layout: Any = None
        self._columns: list[list[Leaf] | FileArray] = []
        self._bytes = self._text_bytes = 0
        self._is_on_disk = False

    def add(self, batch: Any) -> None:
        """Appends a batch."""
        leaves, structure = _flatten(self._source.kind, batch)
        rows = [(leaf.shape[1:], leaf.dtype.name) for leaf in leaves]
        if not self.batches:
            self._layout = structure, rows
            self._columns = [[] for _ in leaves]
            self.batch_size = len(leaves[0])
        if (structure, rows) != self._layout:
            raise ValueError(
                f"The samples of the {self._source.kind} differ in shape, type "
                f"or structure. Received: {rows} in {structure} as batch "
                f"{self.batches}, after {self._layout[1]} in {self._layout[0]}."
                " Expected: one shape and type for all samples; resize or pad "
                "them."
            )
        self.batches += 1
        self.size += len(leaves[0])
        for column, leaf in zip(self._columns, leaves, strict=True):
            if leaf.dtype == object:
                self._text_bytes += sum(map(sys.getsizeof, leaf.flat))
            else:
                self._bytes += leaf.nbytes
            if isinstance(column, FileArray):
                self._write(column, leaf)
            else:
                column.append(leaf.copy())  # a dataset may reuse its arrays
        if self._text_bytes > self._limit:
            raise ValueError(
                "Text is kept in memory, and it takes more than memory_limit. "
                f"Received: {self._text_bytes} bytes in {self.size} samples so "
                f"far, and memory_limit={self._limit}. Expected: a larger "
                "`memory_limit`, or numbers; keras.layers.TextVectorization "
                "turns text into token indices."
            )
        used = self._bytes + self._text_bytes
        if used > self._limit and not self._is_on_disk:
            self._move_to_disk()

    def pack(self) -> tuple[Any, Any, Any]:
        """Returns `(x, y, sample_weight)`, which takes the columns away."""
        leaves = [
            column if isinstance(column, FileArray) else _join(column)
            for column in self._columns
        ]
        packed: tuple[Any, Any, Any] = keras.tree.map_structure(
            lambda number: None if number is None else leaves[number],
            self._layout[0],
        )
        return packed

    def _move_to_disk(self) -> None:
        self._is_on_disk = True
        _logger.warning(
            "The %s takes more than memory_limit=%d bytes (%.2f GiB), so its "
            "samples are written to disk, in %s, until training ends.",
            self._source.kind, self._limit, self._limit / 2**30,
            self._directory,
        )  # fmt: skip
        self._refuse_above(self._expected_bytes)
        for index, column in enumerate(self._columns):
            if isinstance(column, FileArray) or column[0].dtype == object:
                continue
            shape, dtype = column[0].shape[1:], column[0].dtype
            file = FileArray(self._directory, shape, dtype)
            if self._files is not None:
                self._files.callback(file.close)
            self._columns[index] = file
            for leaf in _taken_from(column):
                self._write(file, leaf)

    def _write(self, file: FileArray, leaf: Leaf) -> None:
        self._refuse_above(leaf.nbytes)
        try:
            file.append(leaf)
        except OSError as error:
            raise self._no_room(error.errno, error.strerror) from error

    @property
    def _expected_bytes(self) -> int:
        count = self._source.num_batches or self.batches
        return self._bytes * max(count, self.batches) // self.batches

    def _refuse_above(self, needed: int) -> None:
        """Raises where so many bytes more would fill the disk."""
        usage = shutil.disk_usage(self._directory)
        if needed > usage.free - min(_RESERVE, usage.total // 20):
            raise self._no_room(errno.ENOSPC, f"{usage.free} bytes are free")

    def _no_room(self, number: int | None, reason: str | None) -> OSError:
        known = self._source.num_batches is not None
        return OSError(
            number,
            f"The samples of the {self._source.kind} take more than "
            "memory_limit, and the disk has no room for them. Received: "
            f"{'about' if known else 'at least'} {self._expected_bytes} bytes "
            f"for cache_dir={self._directory!r} ({reason}), and "
            f"memory_limit={self._limit}. Expected: room on that disk, another "
            "`cache_dir`, or a larger `memory_limit`"
            + ("" if known else ". A dataset that never ends cannot be used"),
        )


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


def _flatten(kind: str, batch: Any) -> tuple[list[Leaf], Any]:
    """Turns a batch into arrays, and a structure with their numbers."""
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
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    parts = (
        to_arrays(x, "x"),
        to_arrays(y, "y"),
        to_arrays(sample_weight, "sample_weight"),
    )
    common_length(x=parts[0], y=parts[1], sample_weight=parts[2])
    leaves: list[Leaf] = []

    def number(leaf: Leaf | None) -> int | None:
        if leaf is None:
            return None
        # Texts as objects, each of which has its own length.
        leaves.append(leaf.astype(object) if leaf.dtype.kind in "SU" else leaf)
        return len(leaves) - 1

    return leaves, keras.tree.map_structure(number, parts)


def _taken_from(column: list[Leaf]) -> Iterator[Leaf]:
    """Yields batches in order, and lets go of each."""
    column.reverse()
    while column:
        yield column.pop()


def _join(column: list[Leaf]) -> Leaf:
    size = sum(map(len, column))
    joined = aligned_empty((size, *column[0].shape[1:]), column[0].dtype)
    start = 0
    for leaf in _taken_from(column):
        joined[start : start + len(leaf)] = leaf
        start += len(leaf)
    return joined
