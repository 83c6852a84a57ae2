"""`keras.utils.PyDataset` as a source."""

import collections
import concurrent.futures
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_amto.tasks.source import IntArray
from keras_amto.tasks.source import Source


class PyDatasetSource(Source):
    """Reads the batches of a `keras.utils.PyDataset` that are needed.

    `workers` threads read at once. `on_epoch_end`, where such datasets shuffle
    themselves, is not called: `fit` has its own shuffling.

    Args:
        dataset: The dataset.

    Raises:
        ValueError: if it never ends or holds nothing.
    """

    kind = "PyDataset"
    remedy = (
        "a `__getitem__` that always gives the same batch for the same index, "
        "and random augmentation in AMTOModel(..., augment=...). `fit` "
        "shuffles by itself"
    )

    def __init__(self, dataset: keras.utils.PyDataset) -> None:
        self._dataset = dataset
        self._starts: IntArray | None = None
        self.size = None
        self.batch_size = None
        if dataset.num_batches is None:
            raise ValueError(
                "The PyDataset never ends, so it cannot be split into "
                "training and validation sets. "
                f"Received: num_batches=None from {type(dataset)}. "
                "Expected: a finite number of batches."
            )

    def read(
        self, wanted: IntArray | None = None
    ) -> Iterator[tuple[IntArray, Any]]:
        if wanted is None or self._starts is None:
            numbers: Iterable[int] = range(self._dataset.num_batches)
        else:
            places = np.searchsorted(self._starts, wanted, side="right") - 1
            numbers = np.unique(places).tolist()
        start, starts = 0, []
        for number, element in self._batches(numbers):
            length = _length(element)
            if self.batch_size is None:
                self.batch_size = length
            if self._starts is not None:
                start = int(self._starts[number])
            yield np.arange(start, start + length), element
            starts.append(start)
            start += length
        if self._starts is None:
            self._starts = np.array(starts, dtype=np.int64)

    def _batches(self, numbers: Iterable[int]) -> Iterator[tuple[int, Any]]:
        workers = self._dataset.workers
        if workers < 2:
            for number in numbers:
                yield number, self._batch(number)
            return
        pending: collections.deque[Any] = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(
            workers, thread_name_prefix="keras_amto_pydataset"
        ) as executor:
            for number in numbers:
                pending.append((number, executor.submit(self._batch, number)))
                if len(pending) > max(workers, self._dataset.max_queue_size):
                    number, batch = pending.popleft()
                    yield number, batch.result()
            for number, batch in pending:
                yield number, batch.result()

    def _batch(self, number: int) -> Any:
        try:
            return self._dataset[number]
        except Exception as error:
            raise ValueError(
                f"Batch {number} of the PyDataset cannot be read. "
                f"Received: {type(error).__name__}: {error} "
                "Expected: a batch."
            ) from error


def _length(element: Any) -> int:
    leaves = keras.tree.flatten(element)
    return len(leaves[0])
