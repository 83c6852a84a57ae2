"""A model soup: one network whose weights are the average of several."""

from collections.abc import Iterator
from collections.abc import Sequence

import keras
import numpy as np

from keras_amto.experiments.data import Array

Weights = list[Array]


def average_weights(members: Sequence[Weights]) -> Weights:
    """Returns the mean of each weight; integers are taken from the first."""
    return [
        np.mean(values, axis=0, dtype=np.float64).astype(values[0].dtype)
        if np.issubdtype(values[0].dtype, np.floating)
        else values[0]
        for values in zip(*members, strict=True)
    ]


def reestimate_normalization(
    model: keras.Model, x: Array, batch_size: int = 256
) -> int:
    """Re-estimates the statistics of batch normalisation in place.

    Averaged weights produce other activations than any of the networks did. The
    new statistics are the means over all full batches of `x`, computed as in
    training. Frozen layers keep theirs. Returns the number of layers.
    """
    layers = list(_normalizations(model))
    batch_size = min(batch_size, len(x))
    momenta = [layer.momentum for layer in layers]
    try:
        for number in range(len(x) // batch_size if layers else 0):
            for layer in layers:
                # After n batches each has a weight of 1 / n.
                layer.momentum = number / (number + 1)
            batch = x[number * batch_size : (number + 1) * batch_size]
            model(keras.ops.convert_to_tensor(batch), training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return len(layers)


def _normalizations(
    layer: keras.layers.Layer,
) -> Iterator[keras.layers.BatchNormalization]:
    if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        yield layer
    for each in getattr(layer, "layers", ()):
        yield from _normalizations(each)
