"""Refusing labels that the network has no output for."""

from typing import Any

import keras
import numpy as np

from keras_amto.fit.plan import FitPlan
from keras_amto.tasks import IndexedData


def refuse_labels(plan: FitPlan, network: keras.Model, loss: Any) -> None:
    """Raises where a label lies outside of the network's classes.

    TensorFlow notices on a CPU, in the midst of training; on a GPU such a
    sample has no loss, or one that is NaN.

    Args:
        plan: Whose gross set and validation data to look at.
        network: The network, of which the last layer says how many classes.
        loss: What it is compiled with. Only `sparse_categorical_crossentropy`
            says that targets are classes.

    Raises:
        ValueError: naming the first such sample.
    """
    classes = _number_of_classes(network)
    if classes is None or not _takes_classes(loss):
        return
    ignored = getattr(loss, "ignore_class", None)
    _refuse("y", plan.data, network, classes, ignored)
    if plan.validation_data is not None:
        data = plan.validation_data.data
        _refuse("validation_data: y", data, network, classes, ignored)


def _refuse(
    name: str,
    data: IndexedData,
    network: keras.Model,
    classes: int,
    ignored: int | None,
) -> None:
    try:
        labels = data.labels
    except ValueError:
        return  # a label for each pixel, say
    if labels.dtype.kind not in "biuf":
        return
    outside = ~((labels >= 0) & (labels < classes))  # NaN is outside, too
    if ignored is not None:
        outside &= labels != ignored
    if outside.any():
        first = int(np.argmax(outside))
        raise ValueError(
            f"Labels in `{name}` lie outside of the classes of the network "
            f"{network.name!r}, which has {classes} outputs. "
            f"Received: label {labels[first]} of sample {first}, and "
            f"{int(outside.sum())} such samples in all. "
            f"Expected: integers from 0 to {classes - 1}."
        )


def _number_of_classes(network: keras.Model) -> int | None:
    try:
        shape = network.output_shape
    except (AttributeError, ValueError):
        return None  # a subclassed network does not know
    if isinstance(shape, tuple) and len(shape) == 2:
        classes = shape[-1]
        return classes if isinstance(classes, int) else None
    return None


def _takes_classes(loss: Any) -> bool:
    return (
        isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
        or loss is keras.losses.sparse_categorical_crossentropy
        or loss
        in ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")
    )
