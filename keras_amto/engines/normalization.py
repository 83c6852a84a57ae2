"""Estimating the statistics of batch normalisation from data.

The weights of an average produce other activations than those of any network
that it was made of, so the average of their statistics does not describe them.
"""

import contextlib
import functools
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.engines.building import call
from keras_amto.engines.building import nested_layers
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.tasks import EvaluationSet

_STATISTICS = (
    "moving_mean", "moving_variance", "moving_stddev", "renorm_mean",
    "renorm_stddev",
)  # fmt: skip


def normalizations(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of batch normalisation that are not frozen."""
    return [
        layer
        for layer in nested_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
    ]


def positions(model: keras.Model) -> list[int]:
    """Returns where their statistics are among the weights of a model."""
    found = {
        id(getattr(layer, name, None))
        for layer in normalizations(model)
        for name in _STATISTICS
    }
    return [i for i, v in enumerate(model.weights) if id(v) in found]


def estimate_on(model: keras.Model, batch: Any, seen: Any) -> Any:
    """Brings one more batch into a model's statistics.

    Called on some batches in turn it leaves their mean, in which each batch
    counts by its size. It is a forward pass as in training.

    Args:
        model: The model.
        batch: What a step of Keras takes.
        seen: The number of samples before this batch; 0 forgets what was.

    Returns:
        The number of samples with this batch, like `seen`.
    """
    x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
    first = keras.tree.flatten(x)[0]
    total = seen + keras.ops.cast(keras.ops.shape(first)[0], "float32")
    with _momentum(normalizations(model), seen / total):
        call(model, x, training=True)
    return total


def one_by_one(
    jobs: Sequence[EvaluationJob],
    estimate: Callable[[Replica, EvaluationSet, Callable[[], None]], Replica],
    on_progress: OnProgress,
) -> list[tuple[Replica, ...]]:
    """Estimates replicas in turns, as `Engine.estimate_statistics` promises."""
    outcomes = []
    for done, job in enumerate(jobs):
        tick = functools.partial(on_progress, done)
        outcomes.append(
            tuple(estimate(each, job.samples, tick) for each in job.replicas)
        )
        on_progress(done + 1)
    return outcomes


def with_statistics(
    replica: Replica, estimated: Replica, where: Sequence[int]
) -> Replica:
    """Returns a replica with nothing but the statistics of another one."""
    weights = list(replica.weights)
    for position in where:
        weights[position] = estimated.weights[position]
    return replica._replace(weights=tuple(weights))


@contextlib.contextmanager
def _momentum(layers: Sequence[Any], value: Any) -> Iterator[None]:
    """Lets layers move their statistics by another momentum, a tensor."""
    kept = [(each, each.momentum, each.renorm_momentum) for each in layers]
    for layer in layers:
        layer.momentum = layer.renorm_momentum = value
    try:
        yield
    finally:
        for layer, momentum, of_renorm in kept:
            layer.momentum, layer.renorm_momentum = momentum, of_renorm
