"""Grain's datasets as a source."""

import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_amto.tasks.source import IntArray
from keras_amto.tasks.source import Source


class GrainSource(Source):
    """Reads batches of a Grain dataset, always from its beginning.

    Args:
        dataset: A `grain.MapDataset`, `grain.IterDataset` or
            `grain.DataLoader` of batches, as `keras.Model.fit` takes it.

    Raises:
        ValueError: if it never ends.
    """

    kind = "Grain dataset"
    remedy = (
        "transformations that draw nothing, and random augmentation in "
        "AMTOModel(..., augment=...). `fit` shuffles by itself"
    )

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.size = None
        self.batch_size = None
        # Grain's word for a dataset that is repeated for ever.
        if getattr(dataset, "__len__", int)() >= sys.maxsize:
            raise ValueError(
                "The Grain dataset never ends, so it cannot be split into "
                f"training and validation sets. Received: {dataset}. "
                "Expected: a finite dataset; take `.repeat()` away."
            )

    def read(
        self, wanted: IntArray | None = None
    ) -> Iterator[tuple[IntArray, Any]]:
        start = 0
        last = None if wanted is None else wanted[-1]
        iterator = iter(self._dataset)
        while last is None or start <= last:
            try:
                element = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                raise ValueError(
                    "The Grain dataset cannot be read: a batch after "
                    f"{start} samples cannot be. "
                    f"Received: {type(error).__name__}: {error} "
                    "Expected: samples that can be read; remove or repair "
                    "this one."
                ) from error
            length = _length(element)
            if self.batch_size is None:
                self.batch_size = length
            yield np.arange(start, start + length), element
            start += length


def is_grain_dataset(x: Any) -> bool:
    """Says whether something is a dataset of Grain."""
    # Whoever holds one has imported Grain: nobody else has to.
    grain = sys.modules.get("grain")
    return grain is not None and isinstance(
        x, (grain.MapDataset, grain.IterDataset, grain.DataLoader)
    )


def _length(element: Any) -> int:
    first = keras.tree.flatten(element)[0]
    if np.ndim(first) == 0:
        raise ValueError(
            "The Grain dataset is not batched. "
            f"Received: elements that hold {first!r}. "
            "Expected: batches; call `.batch(batch_size)` on it."
        )
    return len(first)
