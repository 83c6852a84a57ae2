"""The samples that a `fit` was given, as arrays."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream
from keras_amto.tasks.arrays import bytes_of
from keras_amto.tasks.arrays import first_non_finite
from keras_amto.tasks.arrays import leaves
from keras_amto.tasks.arrays import lies_ready
from keras_amto.tasks.arrays import map_arrays
from keras_amto.tasks.arrays import slices
from keras_amto.tasks.arrays import take
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.batches import in_order
from keras_amto.tasks.classes import class_labels

Structure = Any  # an array, or nested dicts, lists and tuples of arrays
IntArray = npt.NDArray[np.int64]

_PART = 32 * 2**20  # bytes that are gathered at a time
_STATISTICS_SAMPLES = 10_000  # at most, of which statistics are the means


@dataclasses.dataclass(frozen=True, eq=False)
class IndexedData:
    """Samples that are known by their positions 0 ... n - 1.

    One copy serves any number of tasks and passes: a task is two arrays of
    positions, and a batch is gathered when it is needed. Data keep their types
    until then (images of uint8 stay uint8).

    Attributes:
        x: Inputs, an array or nested dicts, lists and tuples of arrays, whose
            first axis counts samples. An array is a NumPy array or, on disk, a
            `FileArray`.
        y: Targets likewise, or `None`.
        sample_weight: Weights likewise, or `None`.
        class_weights: NumPy array, the weight of each sample by its class, or
            `None`. It counts in training alone, as in Keras.
    """

    x: Structure
    y: Structure = None
    sample_weight: Structure = None
    class_weights: npt.NDArray[Any] | None = None

    @property
    def arrays(self) -> Any:
        """`x`, `(x, y)` or `(x, y, sample_weight)`: what a Keras step takes."""
        return keras.utils.pack_x_y_sample_weight(
            self.x, self.y, self.sample_weight
        )

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(leaves(self.x)[0])

    @property
    def is_in_memory(self) -> bool:
        """Whether no array is on disk."""
        return not any(
            isinstance(leaf, np.memmap) or not isinstance(leaf, np.ndarray)
            for leaf in leaves(self.arrays)
        )

    @property
    def num_bytes(self) -> int:
        """What a Keras step takes of all samples."""
        return sum(int(leaf.nbytes) for leaf in leaves(self.arrays))

    @property
    def labels(self) -> npt.NDArray[Any]:
        """One class a sample; a `ValueError` where targets are not classes."""
        return class_labels(self.y)

    @functools.cached_property
    def digest(self) -> str:
        """A short text that differs for other samples or weights."""
        digest = hashlib.sha256()
        parts = (self.x, self.y, self.sample_weight, self.class_weights)
        for leaf in leaves(parts):
            digest.update(f"{leaf.dtype} {leaf.shape}".encode())
            for rows in slices(leaf):
                if rows.dtype == object:
                    digest.update(repr(rows.tolist()).encode())
                else:
                    digest.update(bytes_of(np.ascontiguousarray(rows)))
        return digest.hexdigest()[:16]

    @property
    def non_finite(self) -> dict[str, int]:
        """The first sample with NaN or infinity, by argument, if any."""
        found = {}
        for name in ("x", "y", "sample_weight"):
            rows = map(first_non_finite, leaves(getattr(self, name)))
            positions = [row for row in rows if row is not None]
            if positions:
                found[name] = min(positions)
        return found

    def for_training(self) -> "IndexedData":
        """Returns the same samples, weighted by their classes."""
        if self.class_weights is None:
            return self
        return IndexedData(self.x, self.y, self.class_weights)

    def sample(self, size: int) -> "IndexedData":
        """Returns the first samples, at most `size`, to build networks with."""
        return self.batch(np.arange(min(size, self.size)))

    def batch(self, indices: IntArray) -> "IndexedData":
        """Gathers samples in memory, without weights of classes."""
        given = (self.x, self.y, self.sample_weight)
        return IndexedData(*map_arrays(lambda a: take(a, indices), given))

    def parts(
        self, batches: BatchWindow
    ) -> Iterator[tuple["IndexedData", BatchWindow]]:
        """Cuts batches into runs of arrays that TensorFlow can use uncopied.

        Yields samples in memory, and consecutive batches as positions in them:
        these samples themselves where they lie ready, else at most 32 MiB (or
        one batch) at a time.
        """
        arrays = leaves(self.arrays)
        if all(map(lies_ready, arrays)):
            yield self, batches
            return
        sample_bytes = sum(array[:1].nbytes for array in arrays)
        for run in batches.runs(max(1, _PART // max(1, sample_bytes))):
            positions = np.arange(len(run.order))
            yield self.batch(run.order), BatchWindow(positions, run.splits)


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Some samples in batches, to evaluate on.

    Whatever layers draw in evaluation comes from the seed, so every network
    that is evaluated on this set draws the same.
    """

    data: IndexedData
    batches: BatchWindow
    seed: int = 0


def evaluation_seed(seed: int, number: int) -> int:
    """Returns a set's seed in a run: `number` is m, or M for the clean set."""
    stream = random_stream(seed, Purpose.EVALUATION, number)
    return int(stream.integers(2**31))


def statistics_set(
    data: IndexedData, indices: IntArray, batch_size: int, seed: int
) -> EvaluationSet:
    """Returns training samples to estimate statistics on.

    They are shuffled: in data that are sorted by class, a batch in their order
    would not be like those of training.
    """
    stream = random_stream(seed, Purpose.STATISTICS)
    order = stream.permutation(indices)[:_STATISTICS_SAMPLES]
    return EvaluationSet(data, in_order(order, batch_size), seed)
