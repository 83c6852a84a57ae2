"""Class weights and sample weights, with Keras' meanings."""

import math
import numbers
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_amto.tasks.arrays import slices


def check_class_weight(class_weight: Any) -> None:
    """Raises where class weights are not finite numbers by class index.

    Raises:
        TypeError: if `class_weight` is not a mapping.
        ValueError: if a weight is not a finite number.
    """
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            "`class_weight` is not a mapping. "
            f"Received: class_weight={class_weight!r}. "
            "Expected: a dict of weights by class index."
        )
    for weight in class_weight.values():
        if not isinstance(weight, numbers.Real) or not math.isfinite(weight):
            raise ValueError(
                "`class_weight` holds something that is not a finite number. "
                f"Received: {weight!r}. Expected: a float for each class index."
            )


def weights_of_classes(
    y: Any, class_weight: Mapping[int, float]
) -> np.ndarray[Any, Any]:
    """Turns class weights into one weight a sample.

    Args:
        y: Array of class indices, shape `(n,)` or `(n, 1)`, or of one-hot rows,
            shape `(n, classes)`.
        class_weight: Weight by class index; a class that is not named has
            weight 1, as in Keras.

    Returns:
        Array of shape `(n,)` and type `keras.config.floatx()`.

    Raises:
        ValueError: if `y` is nested: class weights are for a single output.

    Example:

    >>> import numpy as np
    >>> weights_of_classes(np.array([0, 2, 1]), {0: 2.0, 1: 0.5}).tolist()
    [2.0, 1.0, 0.5]
    """
    if y is None or keras.tree.is_nested(y):
        raise ValueError(
            "`class_weight` is only supported for models with a single output. "
            f"Received: y with structure {keras.tree.map_structure(type, y)}. "
            "Expected: one array of targets, or `sample_weight` instead."
        )
    return np.concatenate(
        [_weights_of_rows(rows, class_weight) for rows in slices(y)]
    )


def _weights_of_rows(labels: Any, class_weight: Any) -> Any:
    if labels.ndim > 1:
        one_hot = labels.shape[-1] > 1
        labels = np.argmax(labels, axis=-1) if one_hot else labels[..., 0]
    classes, positions = np.unique(
        np.round(labels).astype("int64"), return_inverse=True
    )
    weights = [class_weight.get(int(c), 1.0) for c in classes]
    return np.asarray(weights, dtype=keras.config.floatx())[positions]


def spread_over_outputs(sample_weight: Any, y: Any, size: int) -> Any:
    """Gives every output its sample weights.

    Args:
        sample_weight: One array of shape `(n,)` or `(n, 1)` for all outputs, or
            a structure like that of `y`, in which `None` stands for ones.
        y: Structure of target arrays.
        size: Integer, n.

    Returns:
        A structure like that of `y`.

    Raises:
        ValueError: if the structures differ, or one array for several outputs
            holds more than one weight a sample.
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
