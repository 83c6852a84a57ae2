"""Workers: real clones of the user's model, each with its own optimizer."""

import contextlib
import dataclasses
import random
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream
from keras_amto.distribution import Scope
from keras_amto.engines.building import evaluate_once
from keras_amto.engines.cloning import clone_network
from keras_amto.engines.compile_args import clone_compile_args
from keras_amto.engines.compile_args import exclude_alike
from keras_amto.engines.compile_args import replica_optimizer_variables
from keras_amto.engines.errors import explained_misfit
from keras_amto.engines.errors import explained_out_of_memory
from keras_amto.engines.records import as_logs
from keras_amto.engines.variables import difference


@dataclasses.dataclass(frozen=True, eq=False)
class Worker:
    """A compiled Keras model and its variables, sorted by what they are for.

    Attributes:
        model: The built and compiled model.
        metric_names: The names of its logs.
        weights: The variables of `Replica.weights`.
        optimizer: The variables of `Replica.optimizer`.
        seeds: The variables of `TaskState.seeds`.
        metrics: The variables of `TaskState.metrics`.
    """

    model: keras.Model
    metric_names: list[str]
    weights: tuple[keras.Variable, ...]
    optimizer: tuple[keras.Variable, ...]
    seeds: tuple[keras.Variable, ...]
    metrics: tuple[keras.Variable, ...]

    def set_learning_rate(self, learning_rate: float | None) -> None:
        """Sets the learning rate, unless a schedule does (`None`)."""
        if learning_rate is not None:
            self.model.optimizer.learning_rate = learning_rate


@dataclasses.dataclass(frozen=True, eq=False)
class WorkerFactory:
    """Makes workers that are all alike.

    Attributes:
        prototype: The built model to clone.
        model_fn: Function that returns such a model, or `None` to clone.
        compile_args: Keyword arguments of `keras.Model.compile`.
        augment: What training batches go through, or `None`.
    """

    prototype: keras.Model
    model_fn: Callable[[], keras.Model] | None
    compile_args: dict[str, Any]
    augment: Callable[..., Any] | None = None

    def make(
        self, sample: Any, device: str, scope: Scope = contextlib.nullcontext
    ) -> Worker:
        """Makes a worker on a device, in a scope, and tries it on a batch.

        Then all its variables exist.

        Raises:
            MemoryError: if the device has not enough memory.
            ValueError: if the model, the optimizer or a metric cannot be
                cloned, or if the model reports no loss.
        """
        optimizer = self.compile_args["optimizer"]
        with explained_out_of_memory(
            self.prototype, optimizer, sample.size, device
        ):
            model = clone_network(self.prototype, self.model_fn, sample, scope)
            compile_args = clone_compile_args(self.compile_args, scope)
            with scope():
                model.compile(**compile_args)
                exclude_alike(optimizer, self.prototype, model)
                model.optimizer.build(model.trainable_variables)
            with explained_misfit(sample, self.compile_args["loss"]):
                names = list(as_logs(evaluate_once(model, sample)))
        if "loss" not in names:
            raise ValueError(
                "The model reports no loss, by which AMTO decides. "
                f"Received: logs {names} from its `test_step`. "
                "Expected: logs with the key 'loss'."
            )
        model.reset_metrics()
        return Worker(
            model=model,
            metric_names=names,
            weights=tuple(model.weights),
            optimizer=replica_optimizer_variables(model.optimizer),
            seeds=difference(model.variables, model.weights),
            metrics=tuple(model.metrics_variables),
        )


def task_seeds(
    variables: Sequence[keras.Variable], task: int, seed: int
) -> tuple[Any, ...]:
    """Returns a task's first values of seed generators."""
    stream = random_stream(seed, Purpose.LAYER_SEEDS, task)
    return _fresh_seeds(variables, stream)


def evaluation_seeds(
    variables: Sequence[keras.Variable], seed: int
) -> tuple[Any, ...]:
    """Returns what seed generators start from on each `EvaluationSet.seed`."""
    return _fresh_seeds(variables, np.random.default_rng(seed))


def _fresh_seeds(
    variables: Sequence[keras.Variable], stream: np.random.Generator
) -> tuple[Any, ...]:
    # A Keras seed generator holds a seed and a counter that starts at 0.
    values = tuple(np.zeros(v.shape, dtype=v.dtype) for v in variables)
    for value in values:
        value.flat[0] = stream.integers(2**31)
    return values


@contextlib.contextmanager
def default_seeds_from(seed: int, task: int) -> Iterator[None]:
    """Lets layers without a seed of their own draw them from a task's stream.

    Keras draws such seeds from Python's `random`; user code may use NumPy's
    legacy generator. Both are put back as they were.
    """
    stream = random_stream(seed, Purpose.INITIAL_WEIGHTS, task)
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(int(stream.integers(2**31)))
    np.random.seed(int(stream.integers(2**31)))
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
