"""Workers: real clones of the user's model, each with its own optimizer."""

import contextlib
import copy
import dataclasses
import random
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream


@dataclasses.dataclass(frozen=True, eq=False)
class Worker:
    """A compiled Keras model and its variables, sorted by what they are for.

    Attributes:
        model: The built and compiled model.
        weights: The variables of `Replica.weights`.
        optimizer: The variables of `Replica.optimizer`.
        seeds: The variables of `TaskState.seeds`.
        metrics: The variables of `TaskState.metrics`.
    """

    model: keras.Model
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
    """

    prototype: keras.Model
    model_fn: Callable[[], keras.Model] | None
    compile_args: dict[str, Any]

    def make(
        self, sample: Any, evaluate_once: Callable[[keras.Model, Any], object]
    ) -> Worker:
        """Makes a worker whose every variable exists.

        Args:
            sample: A small batch, as `GrossSet`.
            evaluate_once: Runs one evaluation step of a compiled model on the
                batch; only then do Keras' metrics have variables.

        Returns:
            A `Worker`, its metrics reset.
        """
        model = clone_network(self.prototype, self.model_fn, sample)
        model.compile(**clone_compile_args(self.compile_args))
        model.optimizer.build(model.trainable_variables)
        evaluate_once(model, sample)
        model.reset_metrics()
        return Worker(
            model=model,
            weights=tuple(model.weights),
            optimizer=replica_optimizer_variables(model.optimizer),
            seeds=_difference(model.variables, model.weights),
            metrics=tuple(model.metrics_variables),
        )


def replica_optimizer_variables(
    optimizer: keras.optimizers.Optimizer,
) -> tuple[keras.Variable, ...]:
    """Returns the optimizer's variables without the learning rate."""
    return _difference(optimizer.variables, [optimizer.learning_rate])


def current_learning_rate(
    optimizer: keras.optimizers.Optimizer,
) -> float | None:
    """Returns the learning rate, or `None` where a schedule sets it."""
    rate = optimizer.learning_rate
    if any(rate is variable for variable in optimizer.variables):
        return float(to_numpy(rate))
    return None


def to_numpy(variable: keras.Variable) -> Any:
    """Returns a copy of the value of a variable."""
    # Not `np.array(variable)`, nor what calls it: the method lacks the keyword
    # `copy` that NumPy 2 asks for, and warns about.
    return np.array(variable.__array__())


def task_seeds(worker: Worker, task: int, seed: int) -> list[Any]:
    """Returns a task's values for the seed generators of a worker."""
    stream = random_stream(seed, Purpose.LAYER_SEEDS, task)
    values = []
    for variable in worker.seeds:
        # A Keras seed generator holds a seed and a counter that starts at 0.
        value = np.zeros(variable.shape, dtype=variable.dtype)
        value.flat[0] = stream.integers(2**31)
        values.append(value)
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


def build_network(model: keras.Model, sample: Any) -> None:
    """Builds a model from a batch of data, where it is not built yet.

    Raises:
        ValueError: if the model cannot be called on the data.
    """
    if model.built:
        return
    try:
        model(keras.tree.map_structure(keras.ops.convert_to_tensor, sample.x))
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, sample.x)
        raise ValueError(
            f"The model {model.name!r} is not built and cannot be built from "
            f"the data: {error} "
            f"Received: x with batches of shape {shapes}. "
            "Expected: a model that accepts such inputs."
        ) from error


def clone_network(
    prototype: keras.Model,
    model_fn: Callable[[], keras.Model] | None,
    sample: Any,
) -> keras.Model:
    """Makes another network of the prototype's structure, its weights fresh.

    Args:
        prototype: The built model.
        model_fn: Function that returns such a model, or `None` to clone.
        sample: A small batch, to build the clone where it needs that.

    Returns:
        A built model of the same class, with weights of the same shapes.

    Raises:
        ValueError: if the clone would not be like the prototype.
    """
    remedy = (
        "Expected: a model that keras.models.clone_model reproduces, or a "
        "function that builds the model: AMTOModel(lambda: MyModel(...))."
    )
    try:
        clone = model_fn() if model_fn else _clone_uncompiled(prototype)
        build_network(clone, sample)
    except Exception as error:
        raise ValueError(
            f"The model {prototype.name!r} cannot be cloned: {error} "
            f"Received: {type(prototype)}. {remedy}"
        ) from error
    differences = [
        f"{what} {wanted} became {got}"
        for what, wanted, got in (
            ("class", type(prototype), type(clone)),
            ("weights", _signature(prototype), _signature(clone)),
        )
        if wanted != got
    ]
    if differences:
        raise ValueError(
            f"The model {prototype.name!r} does not clone faithfully. "
            f"Received: {'; '.join(differences)}. {remedy}"
        )
    return clone


def _clone_uncompiled(model: keras.Model) -> keras.Model:
    # `clone_model` would also clone what the model was compiled with, and fail
    # at a custom loss or optimizer that is not registered.
    compiled, model.compiled = model.compiled, False
    try:
        return keras.models.clone_model(model)
    finally:
        model.compiled = compiled


def _signature(model: keras.Model) -> list[tuple[Any, ...]]:
    return [(tuple(v.shape), v.dtype, v.trainable) for v in model.weights]


def clone_compile_args(compile_args: dict[str, Any]) -> dict[str, Any]:
    """Copies the stateful arguments of `compile`, sharing the others.

    An optimizer is bound to one model's variables, and a metric counts for one
    model: each worker needs its own.
    """
    args = dict(compile_args)
    args["optimizer"] = _clone(args["optimizer"], "optimizer")
    for name in ("metrics", "weighted_metrics"):
        args[name] = keras.tree.map_structure(_clone_metric, args[name])
    return args


def _clone_metric(metric: Any) -> Any:
    if isinstance(metric, keras.Metric):
        return _clone(metric, "metric")
    return metric


def _clone(instance: Any, label: str) -> Any:
    try:
        return type(instance).from_config(instance.get_config())
    except Exception as from_config_error:
        try:
            return copy.deepcopy(instance)
        except Exception:
            raise ValueError(
                f"The {label} cannot be cloned from its configuration: "
                f"{from_config_error} Received: {instance!r}. "
                "Expected: one whose `get_config` holds every argument, its "
                "custom parts registered with "
                "keras.saving.register_keras_serializable."
            ) from from_config_error


def _difference(variables: Any, without: Any) -> tuple[keras.Variable, ...]:
    # By identity: `==` on Keras variables compares their values.
    excluded = {id(variable) for variable in without}
    return tuple(v for v in variables if id(v) not in excluded)
