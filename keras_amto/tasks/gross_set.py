"""The gross training set: every sample a fit was given, held once."""

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import lies_ready
from keras_amto.tasks.arrays import take
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.finite import non_finite_samples
from keras_amto.tasks.sample_set import SampleSet
from keras_amto.tasks.split import class_labels

Structure = Any  # an array, or nested dicts, lists and tuples of arrays
IntArray = npt.NDArray[np.int64]

_PART = 64 * 2**20  # bytes, of what is gathered at a time


@dataclasses.dataclass(frozen=True, eq=False)
class GrossSet(SampleSet):
    """Samples in memory, of which tasks are views by index.

    One copy serves any number of tasks and passes: a task is two arrays of
    positions, and a batch is gathered when it is needed. Data keep their types
    until then (images of uint8 stay uint8).

    Attributes:
        x: Inputs, a NumPy array or nested dicts, lists and tuples of arrays,
            whose first axis counts samples.
        y: Targets of the same kind, or `None`.
        sample_weight: Weights of the same kind, or `None`.
        size: Integer, the number of samples.
        class_weights: Weights by class, spread over the samples, or `None`.
            They count in training alone, as in Keras.
        source_digest: That of the source that it was read from, so that it is
            the same whether a source is held or streamed; `None` for arrays.
    """

    x: Structure
    y: Structure
    sample_weight: Structure
    size: int
    class_weights: Structure = None
    source_digest: str | None = None

    @property
    def arrays(self) -> Any:
        """`x`, `(x, y)` or `(x, y, sample_weight)`: what a Keras step takes."""
        return keras.utils.pack_x_y_sample_weight(
            self.x, self.y, self.sample_weight
        )

    @property
    def labels(self) -> npt.NDArray[Any]:
        return class_labels(self.y)

    @property
    def digest(self) -> str:
        parts = (self.x, self.y, self.sample_weight, self.class_weights)
        if self.source_digest is not None:
            parts = (None, None, None, self.class_weights)
        digest = hashlib.sha256((self.source_digest or "").encode())
        for leaf in keras.tree.flatten(parts):
            if leaf is None:
                continue
            digest.update(f"{leaf.dtype} {leaf.shape}".encode())
            if leaf.dtype == object:
                digest.update(repr(leaf.tolist()).encode())
            else:
                digest.update(np.ascontiguousarray(leaf).data)
        return digest.hexdigest()[:16]

    @property
    def non_finite(self) -> dict[str, int]:
        return non_finite_samples(self.x, self.y, self.sample_weight)

    def for_training(self) -> "GrossSet":
        if self.class_weights is None:
            return self
        return GrossSet(self.x, self.y, self.class_weights, self.size)

    def sample(self, size: int) -> "GrossSet":
        return self.batch(np.arange(min(size, self.size)))

    def parts(
        self, batches: BatchWindow
    ) -> Iterator[tuple["GrossSet", BatchWindow]]:
        leaves = [
            leaf for leaf in keras.tree.flatten(self.arrays) if leaf is not None
        ]
        if all(map(lies_ready, leaves)):
            yield self, batches
            return
        # TensorFlow would copy the whole of it. So it is gathered here, a part
        # at a time, and there is still one copy: that of the user.
        sample_bytes = sum(leaf[:1].nbytes for leaf in leaves)
        for run in batches.runs(max(1, _PART // max(1, sample_bytes))):
            positions = np.arange(len(run.order))
            yield self.batch(run.order), BatchWindow(positions, run.splits)

    def keep(self, indices: IntArray) -> None:
        pass  # all samples are here

    def expect(self, indices: IntArray, then: IntArray | None) -> None:
        pass

    def close(self) -> None:
        pass

    def batch(self, indices: IntArray) -> "GrossSet":
        def gather(structure: Structure) -> Structure:
            if structure is None:
                return None
            return keras.tree.map_structure(
                lambda leaf: take(leaf, indices), structure
            )

        return GrossSet(
            gather(self.x),
            gather(self.y),
            gather(self.sample_weight),
            len(indices),
        )
