"""The class of each sample, and weights of classes and of samples."""

import math
import numbers
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.tasks.arrays import slices

Array = npt.NDArray[Any]


def class_labels(y: Any) -> Array:
    """Returns one class a sample, shape `(n,)`, for a stratified split."""
    if y is None or keras.tree.is_nested(y) or y.ndim > 2:
        raise ValueError(
            "`stratify=True` needs one class a sample. "
            f"Received: y with shape or type {getattr(y, 'shape', type(y))}. "
            "Expected: an array of shape (n,), (n, 1) or one-hot (n, classes)."
        )
    return np.concatenate([_classes(rows) for rows in slices(y)])


def _classes(rows: Array) -> Array:
    if rows.ndim == 1:
        return rows
    return rows[..., 0] if rows.shape[-1] == 1 else np.argmax(rows, axis=-1)


def check_class_weight(class_weight: Any) -> None:
    """Raises where class weights are not finite numbers by class index."""
    if not isinstance(class_weight, Mapping):
        expected = "a dict of weights by class index"
        raise wrong_type("class_weight", class_weight, "a mapping", expected)
    for weight in class_weight.values():
        if not isinstance(weight, numbers.Real) or not math.isfinite(weight):
            problem = "holds something that is not a finite number"
            expected = "a float for each class index"
            raise wrong_value("class_weight", weight, problem, expected)


def weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> Array:
    """Returns one weight a sample, 1 for a class without one, as in Keras.

    >>> weights_of_classes(np.array([0, 2, 1]), {0: 2.0, 1: 0.5}).tolist()
    [2.0, 1.0, 0.5]
    """
    if y is None or keras.tree.is_nested(y):
        raise ValueError(
            "`class_weight` is only supported for models with a single output. "
            f"Received: y with structure {keras.tree.map_structure(type, y)}. "
            "Expected: one array of targets, or `sample_weight` instead."
        )

    if y.dtype.kind not in "biuf":
        raise ValueError(
            "`class_weight` needs class indices. "
            f"Received: y of type {y.dtype}. Expected: numbers; "
            "keras.layers.StringLookup, say, turns class names into indices."
        )

    def weigh(rows: Array) -> Array:
        labels = np.round(_classes(rows)).astype("int64")
        classes, positions = np.unique(labels, return_inverse=True)
        weights = [class_weight.get(int(c), 1.0) for c in classes]
        return np.asarray(weights, dtype=keras.config.floatx())[positions]

    return np.concatenate([weigh(rows) for rows in slices(y)])


def spread_over_outputs(sample_weight: Any, y: Any) -> Any:
    """Gives every output its sample weights, in a structure like that of `y`.

    They are one array of shape `(n,)` or `(n, 1)` for all outputs, or have that
    structure already; then `None` stands for ones.
    """
    if not keras.tree.is_nested(y):
        return sample_weight
    if keras.tree.is_nested(sample_weight):
        try:
            keras.tree.assert_same_structure(y, sample_weight)
        except ValueError as error:
            raise ValueError(
                "`sample_weight` and `y` have different structures. "
                f"Received: {keras.tree.map_structure(np.shape, sample_weight)}"
                f" for y of {keras.tree.map_structure(np.shape, y)}. "
                "Expected: one array, or one for each output."
            ) from error
        size = len(keras.tree.flatten(y)[0])
        ones = np.ones(size, dtype=keras.config.floatx())
        return keras.tree.map_structure(
            lambda weights: ones if weights is None else weights, sample_weight
        )
    if sample_weight.ndim > 2 or sample_weight[:1].size > 1:
        raise ValueError(
            "One `sample_weight` array for several outputs must hold one "
            f"weight a sample. Received: shape {sample_weight.shape}. "
            "Expected: shape (samples,), or one array for each output."
        )
    return keras.tree.map_structure(lambda _: sample_weight, y)
