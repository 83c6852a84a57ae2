"""Samples for the validation sets that Keras' tests do not know of."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

INFINITE = tf.data.INFINITE_CARDINALITY


def with_validation_samples(given: dict[str, Any]) -> dict[str, Any]:
    """Adds samples to validate with, so that all that are given can train.

    Args:
        given: The arguments of `fit`.

    Returns:
        The same, with some samples of arrays once more, and the
        `validation_split` that sets as many aside.
    """
    x = given["x"]
    if isinstance(x, tf.data.Dataset) and x.cardinality() != INFINITE:
        x, share = _extended_dataset(x)
        return given | {"x": x, "validation_split": share}
    names = ("x", "y", "sample_weight")
    leaves = [leaf for name in names for leaf in _leaves(given[name])]
    if given["validation_split"] or not all(map(_is_array, leaves)):
        return given
    size = len(leaves[0])
    more = max(1, size // 10)
    share = (more - 0.5) / (size + more)  # AMTO rounds up

    def extended(leaf: Any) -> Any:
        array = keras.ops.convert_to_numpy(leaf)
        return np.concatenate([array, array[:more]])

    return (
        given
        | {
            name: keras.tree.map_structure(extended, given[name])
            for name in names
            if given[name] is not None
        }
        | {"validation_split": share}
    )


def _extended_dataset(x: tf.data.Dataset) -> tuple[tf.data.Dataset, float]:
    """The same for a dataset of batches."""
    sizes = [len(tf.nest.flatten(batch)[0]) for batch in x]
    size = sum(sizes)
    more = max(1, size // 10)
    samples = x.unbatch()
    extended = samples.concatenate(samples.take(more)).batch(sizes[0])
    return extended, (more - 0.5) / (size + more)


def _leaves(value: Any) -> list[Any]:
    return [] if value is None else keras.tree.flatten(value)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, tf.Tensor))
