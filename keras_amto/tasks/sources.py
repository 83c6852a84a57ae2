"""Reading what `fit` is given into one gross training set."""

import sys
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_amto.tasks.arrays import aligned_empty
from keras_amto.tasks.arrays import common_length
from keras_amto.tasks.arrays import to_arrays
from keras_amto.tasks.class_weights import spread_over_outputs
from keras_amto.tasks.class_weights import weights_of_classes
from keras_amto.tasks.gross_set import GrossSet


def read_gross_set(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> tuple[GrossSet, int | None]:
    """Reads data of any supported kind into memory, once.

    Args:
        x: Arrays, tensors, pandas objects, nested dicts, lists and tuples of
            them, or a finite batched `tf.data.Dataset` of `x`, `(x, y)` or
            `(x, y, sample_weight)`.
        y: Targets, in the same kinds; not with a dataset.
        sample_weight: Weights, in the same kinds; not with a dataset.
        class_weight: Optional weights by class index. Not together with sample
            weights, as in Keras.

    Returns:
        The gross set, and the batch size of the source where it has one (a
        dataset), else `None`.

    Raises:
        TypeError: if the kind of data cannot be read.
        ValueError: if the data contradict each other, are empty or endless.
    """
    source_batch_size = None
    if is_dataset(x):
        _refuse_beside_dataset(y, sample_weight)
        (x, y, sample_weight), source_batch_size = _read_dataset(x)
    else:
        _refuse_unreadable(x)
    x = to_arrays(x, "x")
    y = to_arrays(y, "y")
    sample_weight = to_arrays(sample_weight, "sample_weight")
    if x is None:
        raise ValueError(
            "There is nothing to train on. Received: x=None. "
            "Expected: arrays, tensors, pandas objects or a tf.data.Dataset."
        )
    size = common_length(x=x, y=y, sample_weight=sample_weight)
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
        sample_weight = spread_over_outputs(sample_weight, y, size)
    data = GrossSet(x, y, sample_weight, size, class_weights)
    return data, source_batch_size


def is_dataset(x: Any) -> bool:
    """Says whether something is a `tf.data.Dataset`."""
    # Whoever holds a dataset has imported TensorFlow: nobody else has to.
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(x, tensorflow.data.Dataset)


def _read_dataset(dataset: Any) -> tuple[tuple[Any, Any, Any], int]:
    if (
        dataset.cardinality()
        == sys.modules["tensorflow"].data.INFINITE_CARDINALITY
    ):
        raise ValueError(
            "The dataset never ends, so it cannot be split into training and "
            f"validation sets. Received: {dataset}. "
            "Expected: a finite tf.data.Dataset; take `.repeat()` away."
        )
    # A leaf's batches are joined leaf by leaf, so that no more than one leaf
    # is held twice at a time.
    structure = None
    leaves: list[list[np.ndarray[Any, Any]]] = []
    for element in dataset.as_numpy_iterator():
        if structure is None:
            structure = element
            leaves = [[] for _ in keras.tree.flatten(element)]
        for batches, leaf in zip(
            leaves, keras.tree.flatten(element), strict=True
        ):
            batches.append(leaf)
    if structure is None:
        raise ValueError(
            "The dataset holds no sample. "
            f"Received: {dataset}. Expected: at least one batch."
        )
    if any(np.ndim(batches[0]) == 0 for batches in leaves):
        raise ValueError(
            "The dataset is not batched. "
            f"Received: elements like {dataset.element_spec}. "
            "Expected: batches; call `.batch(batch_size)` on it."
        )
    batch_size = len(leaves[0][0])
    joined = []
    while leaves:
        batches = leaves.pop(0)
        if len({batch.shape[1:] for batch in batches}) > 1:
            raise ValueError(
                "The samples of the dataset differ in shape. Received: "
                f"{sorted({batch.shape[1:] for batch in batches})}. "
                "Expected: one shape for all samples; resize or pad them."
            )
        joined.append(
            np.concatenate(
                batches,
                out=aligned_empty(
                    (sum(map(len, batches)), *batches[0].shape[1:]),
                    batches[0].dtype,
                ),
            )
        )
    packed = keras.tree.pack_sequence_as(structure, joined)
    return keras.utils.unpack_x_y_sample_weight(packed), batch_size


def _refuse_beside_dataset(y: Any, sample_weight: Any) -> None:
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"`{name}` cannot be given beside a dataset. "
                f"Received: {name} of type {type(value)}. "
                f"Expected: a dataset whose elements hold the {name}."
            )


def _refuse_unreadable(x: Any) -> None:
    remedy = "Expected: arrays, or a finite batched tf.data.Dataset."
    if isinstance(x, types.GeneratorType) or (
        hasattr(x, "__next__") and not hasattr(x, "shape")
    ):
        raise TypeError(
            "A generator cannot be read twice, so it cannot be split into "
            f"training and validation sets. Received: {x!r}. {remedy}"
        )
    if isinstance(x, keras.utils.PyDataset) or (
        type(x).__name__ == "DataLoader" and hasattr(x, "dataset")
    ):
        raise TypeError(
            "This kind of data source is not read. "
            f"Received: {type(x)}. {remedy}"
        )
