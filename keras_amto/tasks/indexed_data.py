"""The samples that a `fit` was given, as arrays."""

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import bytes_of
from keras_amto.tasks.arrays import first_non_finite
from keras_amto.tasks.arrays import lies_ready
from keras_amto.tasks.arrays import slices
from keras_amto.tasks.arrays import take
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.split import class_labels

Structure = Any  # an array, or nested dicts, lists and tuples of arrays
IntArray = npt.NDArray[np.int64]

_PART = 64 * 2**20  # bytes that are gathered at a time


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
        """Integer, the number of samples."""
        return len(_leaves(self.x)[0])

    @property
    def labels(self) -> npt.NDArray[Any]:
        """One class a sample; a `ValueError` where targets are not classes."""
        if self.y is None or keras.tree.is_nested(self.y):
            return class_labels(self.y)  # which refuses them
        return np.concatenate([class_labels(rows) for rows in slices(self.y)])

    @property
    def digest(self) -> str:
        """A short text that differs for other samples or weights."""
        digest = hashlib.sha256()
        parts = (self.x, self.y, self.sample_weight, self.class_weights)
        for leaf in _leaves(parts):
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
            rows = map(first_non_finite, _leaves(getattr(self, name)))
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
        """Gathers samples in memory.

        Args:
            indices: Integer array of positions.

        Returns:
            These samples, in this order, without weights of classes.
        """

        def gather(structure: Structure) -> Structure:
            return keras.tree.map_structure(
                lambda leaf: None if leaf is None else take(leaf, indices),
                structure,
            )

        return IndexedData(
            gather(self.x), gather(self.y), gather(self.sample_weight)
        )

    def parts(
        self, batches: BatchWindow
    ) -> Iterator[tuple["IndexedData", BatchWindow]]:
        """Cuts batches into runs of arrays that TensorFlow can use uncopied.

        Args:
            batches: Batches, as positions in these samples.

        Yields:
            Samples in memory, and consecutive batches as positions in them:
            these samples themselves where they lie ready, else at most 64 MiB
            (or one batch) at a time.
        """
        leaves = _leaves(self.arrays)
        if all(map(lies_ready, leaves)):
            yield self, batches
            return
        sample_bytes = sum(leaf[:1].nbytes for leaf in leaves)
        for run in batches.runs(max(1, _PART // max(1, sample_bytes))):
            positions = np.arange(len(run.order))
            yield self.batch(run.order), BatchWindow(positions, run.splits)


def _leaves(structure: Structure) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(structure) if leaf is not None]
