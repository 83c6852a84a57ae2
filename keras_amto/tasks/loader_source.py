"""torch's `DataLoader` as a source."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_amto.tasks.source import IntArray
from keras_amto.tasks.source import Source


class LoaderSource(Source):
    """Reads the samples that are needed from a map-style dataset of torch.

    A sample's position is its index in the dataset, so that a loader may
    shuffle: its order is not used. Its workers and its collation are.

    Args:
        loader: A `torch.utils.data.DataLoader`.

    Raises:
        TypeError: if its dataset has no indices, or its sampler picks samples.
    """

    kind = "DataLoader"
    remedy = (
        "a dataset that always gives the same sample for the same index, and "
        "random augmentation in AMTOModel(..., augment=...). `fit` shuffles "
        "by itself"
    )

    def __init__(self, loader: Any) -> None:
        self._torch = sys.modules["torch"]
        self._loader = loader
        self.batch_size = loader.batch_size
        data = self._torch.utils.data
        if isinstance(loader.dataset, data.IterableDataset):
            raise TypeError(
                "An IterableDataset cannot be read by index, so it cannot be "
                "split into training and validation sets. "
                f"Received: a DataLoader over {type(loader.dataset)}. "
                "Expected: a map-style dataset, with `__getitem__` and "
                "`__len__`."
            )
        sampler = loader.sampler
        plain = isinstance(sampler, data.SequentialSampler) or (
            isinstance(sampler, data.RandomSampler)
            and not sampler.replacement
            and sampler.num_samples == len(loader.dataset)
        )
        if not plain or self.batch_size is None:
            raise TypeError(
                "The DataLoader picks samples by a sampler of its own, which "
                "`fit` would pass over. "
                f"Received: sampler={type(sampler)}, "
                f"batch_size={self.batch_size}. "
                "Expected: batch_size=..., shuffle=False (or True), and "
                "torch.utils.data.Subset to pick samples."
            )
        self.size = len(loader.dataset)

    def read(
        self, wanted: IntArray | None = None
    ) -> Iterator[tuple[IntArray, Any]]:
        loader = self._loader
        length = loader.batch_size
        if wanted is None:
            wanted = np.arange(len(loader.dataset))
        chunks = [
            wanted[start : start + length]
            for start in range(0, len(wanted), length)
        ]
        batches = self._torch.utils.data.DataLoader(
            loader.dataset,
            batch_sampler=[chunk.tolist() for chunk in chunks],
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            # So that nothing is drawn from the global generator.
            generator=self._torch.Generator().manual_seed(0),
        )
        iterator = iter(batches)
        for chunk in chunks:
            try:
                element = next(iterator)
            except Exception as error:
                raise self._explained(error, chunk) from error
            yield chunk, element

    def _explained(self, error: Exception, chunk: IntArray) -> ValueError:
        dataset = self._loader.dataset
        what = f"a sample among {chunk.tolist()}"
        for position in chunk.tolist():
            try:
                dataset[position]
            except Exception as again:
                error = again
                what = f"sample {position}"
                # As torchvision's datasets of folders have it.
                files = getattr(dataset, "samples", None)
                if files is not None:
                    what += f", {files[position][0]!r},"
                break
        return ValueError(
            f"In the dataset of the DataLoader {what} cannot be read. "
            f"Received: {type(error).__name__}: {error} "
            "Expected: samples that can be read; remove or repair this one."
        )
