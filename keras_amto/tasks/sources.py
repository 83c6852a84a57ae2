"""Reading what `fit` is given into one gross training set."""

import sys
import types
from collections.abc import Mapping
from typing import Any

import keras

from keras_amto.choices import MEMORY_LIMIT
from keras_amto.tasks.arrays import common_length
from keras_amto.tasks.arrays import to_arrays
from keras_amto.tasks.dataset_source import DatasetSource
from keras_amto.tasks.grain_source import GrainSource
from keras_amto.tasks.grain_source import is_grain_dataset
from keras_amto.tasks.loader_source import LoaderSource
from keras_amto.tasks.pydataset_source import PyDatasetSource
from keras_amto.tasks.reading import make_gross_set
from keras_amto.tasks.reading import read_source
from keras_amto.tasks.sample_set import SampleSet
from keras_amto.tasks.source import Source


def read_gross_set(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> tuple[SampleSet, int | None]:
    """Reads data of any supported kind, into memory where they fit.

    Args:
        x: Arrays, tensors, pandas objects, nested dicts, lists and tuples of
            them; or a finite batched `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a Grain dataset or a torch `DataLoader` of
            `x`, `(x, y)` or `(x, y, sample_weight)`.
        y: Targets, in the same kinds of arrays; not with the others.
        sample_weight: Weights likewise.
        class_weight: Optional weights by class index. Not together with sample
            weights, as in Keras.
        memory_limit: Integer, the bytes that samples of a dataset may take;
            one that takes more is streamed. Defaults to 2 GiB.

    Returns:
        The gross set, and the batch size of the source where it has one (a
        dataset), else `None`.

    Raises:
        TypeError: if the kind of data cannot be read.
        ValueError: if the data contradict each other, are empty or endless.
    """
    source = source_of(x)
    if source is not None:
        _refuse_beside_dataset(y, sample_weight)
        data = read_source(source, memory_limit, class_weight)
        return data, source.batch_size
    _refuse_unreadable(x)
    x = to_arrays(x, "x")
    y = to_arrays(y, "y")
    sample_weight = to_arrays(sample_weight, "sample_weight")
    if x is None:
        raise ValueError(
            "There is nothing to train on. Received: x=None. "
            "Expected: arrays, tensors, pandas objects, a tf.data.Dataset, a "
            "PyDataset, a Grain dataset or a DataLoader."
        )
    size = common_length(x=x, y=y, sample_weight=sample_weight)
    return make_gross_set(x, y, sample_weight, size, class_weight), None


def source_of(x: Any) -> Source | None:
    """Returns what reads a dataset of any kind, `None` for arrays.

    Raises:
        TypeError: if it cannot be read by position.
        ValueError: if it never ends, or is not batched.
    """
    if isinstance(x, keras.utils.PyDataset):
        return PyDatasetSource(x)
    # Whoever holds a dataset of theirs has imported TensorFlow or torch:
    # nobody else has to.
    if is_dataset(x):
        return DatasetSource(x)
    if is_grain_dataset(x):
        return GrainSource(x)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.utils.data.DataLoader):
        return LoaderSource(x)
    return None


def is_dataset(x: Any) -> bool:
    """Says whether something is a `tf.data.Dataset`."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(x, tensorflow.data.Dataset)


def _refuse_beside_dataset(y: Any, sample_weight: Any) -> None:
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"`{name}` cannot be given beside a dataset. "
                f"Received: {name} of type {type(value)}. "
                f"Expected: a dataset whose elements hold the {name}."
            )


def _refuse_unreadable(x: Any) -> None:
    if isinstance(x, types.GeneratorType) or (
        hasattr(x, "__next__") and not hasattr(x, "shape")
    ):
        raise TypeError(
            "A generator cannot be read twice, so it cannot be split into "
            f"training and validation sets. Received: {x!r}. "
            "Expected: arrays, a finite batched tf.data.Dataset, a PyDataset, "
            "a Grain dataset or a DataLoader."
        )
