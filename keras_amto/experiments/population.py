"""Networks that all train on everything, and that may be mixed meanwhile."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_amto.algorithm import EMPTY_MEAN
from keras_amto.algorithm import merge
from keras_amto.algorithm import pull
from keras_amto.distribution import placement_under
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Replica
from keras_amto.engines import TrainingJob
from keras_amto.engines import WorkerFactory
from keras_amto.engines import current_learning_rate
from keras_amto.engines import make_engine
from keras_amto.engines import resolve_engine
from keras_amto.experiments.data import Array
from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.train import LOSS
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import statistics_set

#: After which share of the steps weights are averaged, as in `AMTOCallback`.
AVERAGE_FROM = 2 / 3

Mix = Callable[[list[Any]], Any]  # from the weights of all to those of all


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """What training has left.

    Attributes:
        weights: Those of each network, arrays like `network.get_weights()`.
        mean: The mean of all networks at the ends of intervals in the last
            third of training.
        estimate: Function that estimates the batch normalisation of weights on
            all data.
        seconds: Float, of training.
    """

    weights: list[list[Array]]
    mean: list[Array]
    estimate: Callable[[Any], list[Array]]
    seconds: float

    def average(self) -> list[Array]:
        """Returns the mean over the last third, as a network to use."""
        return self.estimate(self.mean)

    def merged(self) -> list[Array]:
        """Returns the mean of all networks at the end, likewise."""
        return self.estimate(merge(self.weights))


def train_population(
    network: keras.Model,
    gross: LabelledArrays,
    optimizer: keras.optimizers.Optimizer,
    *,
    size: int,
    steps: int,
    batch_size: int,
    interval: int,
    seed: int,
    mix: Mix | None = None,
    mix_every: int = 1,
    augment: Callable[..., Any] | None = None,
    max_seconds: float | None = None,
    averages: bool = False,
    on_step: Callable[[int], None] = lambda _: None,
) -> Trained:
    """Trains some networks on the whole gross set, in batches of their own.

    Args:
        network: Where all of them start.
        gross: The data.
        optimizer: Is copied for each.
        size: Integer, the number of networks.
        steps: Integer, of each.
        batch_size: Integer.
        interval: Integer, in steps: how often weights count in the average.
        seed: Integer, of the order of samples and the layers' random numbers.
        mix: What becomes of all weights every `mix_every` steps, or `None`.
        mix_every: Integer, in steps.
        augment: As in `AMTOModel`.
        max_seconds: Float, or `None`: after which training ends early.
        averages: Boolean, whether `max_seconds` leave time for an `average`.
        on_step: Called with the steps that all have done together.
    """
    data = IndexedData(*gross)
    engine, replicas, states = _start(
        network, data, optimizer, size, seed, augment
    )
    everything = np.arange(data.size)
    batches = [
        TrainingBatches(everything, batch_size, task=number, seed=seed)
        for number in range(size)
    ]
    rate, mean, step = current_learning_rate(optimizer), EMPTY_MEAN, 0
    ends = {*range(interval, steps + 1, interval), steps}
    mixes = set(range(mix_every, steps + 1, mix_every)) if mix else set()
    # An estimate on all data has no backward pass: a third of so many steps.
    passes = math.ceil(data.size / batch_size) / 3 if averages else 0
    begin = time.perf_counter()
    for stop in sorted(ends | mixes):
        jobs = [
            TrainingJob(i, (replicas[i],), states[i], each.window(step, stop))
            for i, each in enumerate(batches)
        ]
        trained = engine.train(jobs, data, rate, lambda _: None)
        replicas = [each.replicas[0] for each in trained]
        states = [each.state for each in trained]
        step = stop
        if mix is not None and step in mixes:
            mixed = mix([replica.weights for replica in replicas])
            replicas = [
                replica._replace(weights=tuple(weights))
                for replica, weights in zip(replicas, mixed, strict=True)
            ]
        if step in ends and step > AVERAGE_FROM * steps:
            mean = mean.add([replica.weights for replica in replicas])
        on_step(step * size)
        passed = time.perf_counter() - begin
        # After one interval more.
        following = passed * (1 + (interval + passes) / step)
        if max_seconds is not None and following > max_seconds:
            break
    seconds = time.perf_counter() - begin
    if not mean.networks:  # it ended before averaging began
        mean = mean.add([replica.weights for replica in replicas])
    replicas = [engine.finalize(replica) for replica in replicas]
    weights = [list(map(np.asarray, each.weights)) for each in replicas]
    samples = statistics_set(data, everything, batch_size, seed)
    like = replicas[0]
    return Trained(
        weights,
        list(mean.arrays),
        lambda arrays: _estimated(engine, like, arrays, samples),
        seconds,
    )


def average_of(
    network: keras.Model,
    gross: LabelledArrays,
    optimizer: keras.optimizers.Optimizer,
    weights: list[list[Array]],
    batch_size: int,
    seed: int,
) -> list[Array]:
    """Returns the mean of some networks' weights.

    Batch normalisation is estimated on the gross set: averaged weights produce
    other activations than any of the networks did.
    """
    data = IndexedData(*gross)
    engine, (like,), _ = _start(network, data, optimizer, 1, seed)
    samples = statistics_set(data, np.arange(data.size), batch_size, seed)
    return _estimated(engine, like, merge(weights), samples)


def replace_by_mean(weights: list[Any]) -> Any:
    """PAPA-all: each network becomes the mean of all.

    Source: Jolicoeur-Martineau et al., "PopulAtion Parameter Averaging (PAPA)",
    TMLR 2024, section 3.
    """
    return [merge(weights)] * len(weights)


def pull_to_mean(weights: list[Any]) -> Any:
    """PAPA: each network moves a hundredth of the way to the mean of all.

    Source: as `replace_by_mean`; alpha is 0.99, every ten steps.
    """
    return pull(weights, 0.99)


def epochs_apart(epochs: int, size: int, batch_size: int, steps: int) -> int:
    """Returns so many epochs in steps, but at most a tenth of training."""
    in_epochs = epochs * math.ceil(size / batch_size)
    return max(1, min(in_epochs, steps // 10))


def _start(
    network: keras.Model,
    data: IndexedData,
    optimizer: keras.optimizers.Optimizer,
    size: int,
    seed: int,
    augment: Callable[..., Any] | None = None,
) -> tuple[Engine, list[Replica], list[Any]]:
    optimizer.build(network.trainable_variables)
    arguments = {
        "optimizer": optimizer,
        "loss": LOSS,
        "metrics": ["accuracy"],
        "weighted_metrics": None,
    }
    name = resolve_engine("auto", eagerly=False)
    engine = make_engine(
        name,
        WorkerFactory(network, None, arguments, augment),
        data.sample(2),
        placement_under(None, size, name),
    )
    replica = engine.initial_replica(network.get_weights())
    states = [engine.initial_task_state(i, seed) for i in range(size)]
    return engine, [replica] * size, states


def _estimated(
    engine: Engine, like: Replica, arrays: Any, samples: EvaluationSet
) -> list[Array]:
    """Weights with statistics of batch normalisation from samples."""
    typed = [
        np.asarray(array, np.asarray(other).dtype)
        for array, other in zip(arrays, like.weights, strict=True)
    ]
    replica = engine.initial_replica(typed, like.optimizer)
    jobs = [EvaluationJob(0, (replica,), samples)]
    ((outcome,),) = engine.estimate_statistics(jobs, lambda _: None)
    return list(map(np.asarray, outcome.weights))
