"""A gross set that is too large for memory, and read again every round."""

import dataclasses
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.class_weights import spread_over_outputs
from keras_amto.tasks.collection import Collection
from keras_amto.tasks.gross_set import GrossSet
from keras_amto.tasks.layout import Leaf
from keras_amto.tasks.reader import Reader
from keras_amto.tasks.sample_set import SampleSet
from keras_amto.tasks.split import class_labels

IntArray = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedSet(SampleSet):
    """Samples that are read from their source when they are needed.

    Attributes:
        size: Integer, the number of samples.
        reader: Reads and collects them.
        first: The arrays of some samples.
        source_digest: String, what stands for all samples.
        first_non_finite: The property `non_finite`.
        class_of_each: One class a sample, or `None` where targets are none.
        class_weights: One weight a sample by its class, or `None`.
        is_weighted: Whether samples have these weights.
    """

    size: int
    reader: Reader
    first: tuple[Leaf, ...]
    source_digest: str
    first_non_finite: dict[str, int]
    class_of_each: npt.NDArray[Any] | None
    class_weights: npt.NDArray[Any] | None = None
    is_weighted: bool = False
    _whole: weakref.WeakKeyDictionary[Collection, GrossSet] = dataclasses.field(
        default_factory=weakref.WeakKeyDictionary, init=False
    )
    # Units on several devices ask at the same time.
    _lock: threading.Lock = dataclasses.field(
        default_factory=threading.Lock, init=False
    )

    @property
    def labels(self) -> npt.NDArray[Any]:
        return class_labels(self.class_of_each)

    @property
    def digest(self) -> str:
        # That of the set in memory, into which the same source would be read.
        return GrossSet(
            None, None, None, self.size, self.class_weights, self.source_digest
        ).digest

    @property
    def non_finite(self) -> dict[str, int]:
        return self.first_non_finite

    def for_training(self) -> "StreamedSet":
        return dataclasses.replace(self, is_weighted=True)

    def sample(self, size: int) -> GrossSet:
        leaves = [leaf[:size] for leaf in self.first]
        return self._gross_set(leaves, np.arange(len(leaves[0])))

    def batch(self, indices: IntArray) -> GrossSet:
        collection = self.reader.collection_of(indices)
        return self._gross_set(collection.take(indices), indices)

    def parts(
        self, batches: BatchWindow
    ) -> Iterator[tuple[GrossSet, BatchWindow]]:
        collection = self.reader.collection_of(batches.order)
        if collection.in_memory:
            # One object for one collection: engines keep tensors of it.
            with self._lock:
                if collection not in self._whole:
                    self._whole[collection] = self._gross_set(
                        collection.whole(), collection.positions
                    )
                whole = self._whole[collection]
            yield whole, collection.window(batches)
            return
        for run in collection.runs(batches):
            yield (
                self.batch(run.order),
                BatchWindow(np.arange(len(run.order)), run.splits),
            )

    def keep(self, indices: IntArray) -> None:
        self.reader.keep(indices)

    def expect(self, indices: IntArray, then: IntArray | None) -> None:
        self.reader.expect(indices, then)

    def close(self) -> None:
        self.reader.close()

    def _gross_set(self, leaves: list[Leaf], positions: IntArray) -> GrossSet:
        x, y, sample_weight = self.reader.layout.pack(leaves)
        if self.is_weighted and self.class_weights is not None:
            sample_weight = self.class_weights[positions]
        elif sample_weight is not None:
            sample_weight = spread_over_outputs(
                sample_weight, y, len(positions)
            )
        return GrossSet(x, y, sample_weight, len(positions))
