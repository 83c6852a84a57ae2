"""`tf.data.Dataset` as a source."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_amto.tasks.source import IntArray
from keras_amto.tasks.source import Source


class DatasetSource(Source):
    """Reads a batched `tf.data.Dataset`, always from its beginning.

    Args:
        dataset: The dataset.

    Raises:
        ValueError: if it never ends or is not batched.
    """

    kind = "tf.data.Dataset"
    remedy = (
        "shuffle(..., reshuffle_each_iteration=False) or no shuffling at all "
        "(`shuffle=False` in `image_dataset_from_directory`, "
        "`shuffle_files=False` in `tfds.load`), and random augmentation in "
        "AMTOModel(..., augment=...). `fit` shuffles by itself"
    )

    def __init__(self, dataset: Any) -> None:
        self._tf = sys.modules["tensorflow"]
        self._dataset = dataset
        self.size = None
        self.batch_size = None
        if dataset.cardinality() == self._tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "The dataset never ends, so it cannot be split into training "
                f"and validation sets. Received: {dataset}. "
                "Expected: a finite tf.data.Dataset; take `.repeat()` away."
            )
        leaves = self._tf.nest.flatten(dataset.element_spec)
        if any(_rank(leaf) == 0 for leaf in leaves):
            raise ValueError(
                "The dataset is not batched. "
                f"Received: elements like {dataset.element_spec}. "
                "Expected: batches; call `.batch(batch_size)` on it."
            )

    def read(
        self, wanted: IntArray | None = None
    ) -> Iterator[tuple[IntArray, Any]]:
        start = 0
        last = None if wanted is None else wanted[-1]
        iterator = self._dataset.as_numpy_iterator()
        while last is None or start <= last:
            try:
                element = next(iterator)
            except StopIteration:
                return
            except self._tf.errors.OpError as error:
                raise self._explained(error, start) from error
            length = len(self._tf.nest.flatten(element)[0])
            if self.batch_size is None:
                self.batch_size = length
            yield np.arange(start, start + length), element
            start += length

    def _explained(self, error: Exception, start: int) -> ValueError:
        paths = getattr(self._dataset, "file_paths", ())
        damaged = next((p for p in paths if not self._decodes(p)), None)
        what = f"a batch after {start} samples cannot be read"
        if damaged is not None:
            what = f"the image {damaged!r} cannot be decoded"
        reason = getattr(error, "message", str(error)).splitlines()[0]
        return ValueError(
            f"The dataset cannot be read: {what}. "
            f"Received: {reason} "
            "Expected: files that can be decoded; remove or repair this one."
        )

    def _decodes(self, path: str) -> bool:
        tf = self._tf
        try:
            tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
        except tf.errors.OpError:
            return False
        return True


def _rank(spec: Any) -> int | None:
    shape = getattr(spec, "shape", None)
    return None if shape is None else shape.rank
