"""Reading what `fit` is given."""

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import keras

from keras_amto.choices import MEMORY_LIMIT
from keras_amto.tasks.arrays import to_arrays
from keras_amto.tasks.classes import check_class_weight
from keras_amto.tasks.classes import spread_over_outputs
from keras_amto.tasks.classes import weights_of_classes
from keras_amto.tasks.indexed_data import IndexedData
from keras_amto.tasks.sources import source_of
from keras_amto.tasks.storing import store


def read_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    memory_limit: int = MEMORY_LIMIT,
    cache_dir: str | os.PathLike[str] | None = None,
    files: contextlib.ExitStack | None = None,
) -> tuple[IndexedData, int | None]:
    """Returns data of any supported kind, and the batch size of a dataset.

    The samples of a dataset, which is read once, may take `memory_limit` bytes
    in memory. More are written to `cache_dir`, by default the system's, in
    files that `files` closes, or that are closed when nothing refers to them.
    """
    if class_weight is not None:
        check_class_weight(class_weight)
    source, batch_size = source_of(x), None
    if source is None:
        _refuse_unreadable(x)
        x, y, sample_weight = to_arrays(x, y, sample_weight)
    else:
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(
                    f"`{name}` cannot be given beside a dataset. "
                    f"Received: {name} of type {type(value)}. "
                    f"Expected: a dataset whose elements hold the {name}."
                )
        (x, y, sample_weight), batch_size = store(
            source, memory_limit, cache_dir, files or contextlib.ExitStack()
        )
    class_weights = None
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "`class_weight` and `sample_weight` cannot be used together. "
                "Received: both. Expected: one of them; multiply the class "
                "weights into `sample_weight`."
            )
        class_weights = weights_of_classes(y, class_weight)
    elif sample_weight is not None:
        sample_weight = spread_over_outputs(sample_weight, y)
    return IndexedData(x, y, sample_weight, class_weights), batch_size


def _refuse_unreadable(x: Any) -> None:
    expected = (
        "arrays, tensors, pandas objects, a finite batched tf.data.Dataset, a "
        "PyDataset, a Grain dataset or a DataLoader"
    )
    if x is None or not keras.tree.flatten(x):
        raise ValueError(
            f"There is nothing to train on. Received: x={x!r}. "
            f"Expected: {expected}."
        )
    if hasattr(x, "__next__") and not hasattr(x, "shape"):
        raise TypeError(
            "A generator does not say whether it ends, and cannot be read a "
            f"second time, by another `fit`. Received: {x!r}. "
            f"Expected: {expected}."
        )
