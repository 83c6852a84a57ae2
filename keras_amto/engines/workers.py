"""Workers: real clones of the user's model, each with its own optimizer."""

import contextlib
import dataclasses
import inspect
import os
import random
import tempfile
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream
from keras_amto.engines.out_of_memory import explained_out_of_memory
from keras_amto.engines.out_of_memory import is_out_of_memory

Scope = Callable[[], contextlib.AbstractContextManager[Any]]


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
        augment: What training batches go through, or `None`.
    """

    prototype: keras.Model
    model_fn: Callable[[], keras.Model] | None
    compile_args: dict[str, Any]
    augment: Callable[..., Any] | None = None

    def make(
        self,
        sample: Any,
        evaluate_once: Callable[[keras.Model, Any], Any],
        scope: Scope = contextlib.nullcontext,
    ) -> tuple[Worker, list[str]]:
        """Makes a worker whose every variable exists.

        Args:
            sample: A small batch, as `GrossSet`.
            evaluate_once: Runs one evaluation step of a compiled model on the
                batch and returns its logs; only then do Keras' metrics have
                variables.
            scope: Makes the context in which the worker's own parts are made.

        Returns:
            A `Worker`, its metrics reset, and the names of its logs.

        Raises:
            MemoryError: if the device has not enough memory.
            ValueError: if the model, the optimizer or a metric cannot be
                cloned, or if the model reports no loss.
        """
        with explained_out_of_memory(
            self.prototype, self.compile_args["optimizer"], sample.size, scope
        ):
            return self._make(sample, evaluate_once, scope)

    def _make(
        self,
        sample: Any,
        evaluate_once: Callable[[keras.Model, Any], Any],
        scope: Scope,
    ) -> tuple[Worker, list[str]]:
        model = clone_network(self.prototype, self.model_fn, sample, scope)
        compile_args = clone_compile_args(self.compile_args, scope)
        with scope():
            model.compile(**compile_args)
            model.optimizer.build(model.trainable_variables)
        names = list(evaluate_once(model, sample))
        if "loss" not in names:
            raise ValueError(
                "The model reports no loss, by which AMTO decides. "
                f"Received: logs {names} from its `test_step`. "
                "Expected: logs with the key 'loss'."
            )
        model.reset_metrics()
        worker = Worker(
            model=model,
            weights=tuple(model.weights),
            optimizer=replica_optimizer_variables(model.optimizer),
            seeds=_difference(model.variables, model.weights),
            metrics=tuple(model.metrics_variables),
        )
        return worker, names


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


def task_seeds(
    variables: Sequence[keras.Variable], task: int, seed: int
) -> list[Any]:
    """Returns a task's values for the seed generators of a worker."""
    stream = random_stream(seed, Purpose.LAYER_SEEDS, task)
    values = []
    for variable in variables:
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


def refuse_misfit(model: keras.Model, sample: Any) -> None:
    """Raises where a built model does not take the data.

    Args:
        model: The model.
        sample: A batch of the data, as `GrossSet`.

    Raises:
        ValueError: if the model cannot be called on it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says it
            answers = _answer(model, sample)
            keras.tree.map_structure(keras.ops.convert_to_numpy, answers)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        like = keras.tree.map_structure(
            lambda leaf: f"{leaf.dtype}{list(leaf.shape[1:])}", sample.x
        )
        raise ValueError(
            f"The data do not fit the model {model.name!r}: {error} "
            f"Received: samples of x like {like}. "
            f"Expected: inputs like {getattr(model, 'input_shape', 'its own')}."
        ) from error


def clone_network(
    prototype: keras.Model,
    model_fn: Callable[[], keras.Model] | None,
    sample: Any,
    scope: Scope = contextlib.nullcontext,
) -> keras.Model:
    """Makes another network that is like the prototype.

    Args:
        prototype: The built model.
        model_fn: Function that returns such a model, or `None` to clone.
        sample: A small batch, to build the clone where it needs that.
        scope: Makes the context in which the clone is made. The prototype,
            which may belong to another one, is only used outside of it.

    Returns:
        A built model of the same class, with the prototype's weights.

    Raises:
        ValueError: if the clone would not be like the prototype, or would
            share variables with it.
    """
    remedy = (
        "Expected: a model that keras.models.clone_model reproduces, or a "
        "function that builds the model anew: AMTOModel(lambda: MyModel(...))."
    )
    try:
        with scope():
            clone = model_fn() if model_fn else _clone_uncompiled(prototype)
            build_network(clone, sample)
        same = _same_network(prototype, clone)
        if same is None:
            _copy_trainable(prototype, clone)
            _copy_state(prototype, clone)
            same = _same_answers(prototype, clone, sample)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"The model {prototype.name!r} cannot be cloned: {error} "
            f"Received: {type(prototype)}. {remedy}"
        ) from error
    if same is not None:
        raise ValueError(
            f"The model {prototype.name!r} does not clone faithfully. "
            f"Received: {same}. {remedy}"
        )
    return clone


def _same_network(prototype: keras.Model, clone: keras.Model) -> str | None:
    """Says in what a clone differs from the prototype, `None` for nothing."""
    if type(prototype) is not type(clone):
        return f"class {type(prototype)} became {type(clone)}"
    wanted, got = (
        [(tuple(v.shape), v.dtype) for v in model.weights]
        for model in (prototype, clone)
    )
    if wanted != got:
        return f"weights {wanted} became {got}"
    if {id(v) for v in prototype.variables} & {id(v) for v in clone.variables}:
        return "networks that share layers with each other"
    return None


def _copy_trainable(prototype: keras.Layer, clone: keras.Layer) -> None:
    """Freezes what the prototype has frozen, the outer layers first."""
    if clone.trainable != prototype.trainable:
        clone.trainable = prototype.trainable
    for one, other in zip(
        getattr(prototype, "layers", []),
        getattr(clone, "layers", []),
        strict=True,
    ):
        _copy_trainable(one, other)


def _copy_state(prototype: keras.Model, clone: keras.Model) -> None:
    """Copies the weights by way of a file, as layers load them.

    Some layers make more of their weights than `set_weights` knows of: an
    adapted `Normalization` computes the tensors that it subtracts.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.weights.h5")
        with warnings.catch_warnings():
            # The optimizer in it is not for the clone.
            warnings.simplefilter("ignore")
            prototype.save_weights(path)
            clone.load_weights(path)


def _same_answers(
    prototype: keras.Model, clone: keras.Model, sample: Any
) -> str | None:
    """Compares what two networks of equal weights answer to a sample."""
    first, again, got = (
        [
            keras.ops.convert_to_numpy(output)
            for output in keras.tree.flatten(_answer(model, sample))
        ]
        for model in (prototype, prototype, clone)
    )
    for one, two, three in zip(first, again, got, strict=True):
        if not np.allclose(one, two, equal_nan=True):
            return None  # it draws random numbers: there is nothing to compare
        if not np.allclose(one, three, rtol=1e-3, atol=1e-3, equal_nan=True):
            return "a network that answers otherwise with the same weights"
    return None


def _answer(model: keras.Model, sample: Any) -> Any:
    x = keras.tree.map_structure(
        keras.ops.convert_to_tensor, sample.batch(np.arange(1)).x
    )
    if "training" in inspect.signature(model.call).parameters:
        return model(x, training=False)
    return model(x)


def _clone_uncompiled(model: keras.Model) -> keras.Model:
    # `clone_model` would also clone what the model was compiled with, and fail
    # at a custom loss or optimizer that is not registered.
    compiled, model.compiled = model.compiled, False
    try:
        return keras.models.clone_model(model)
    finally:
        model.compiled = compiled


def clone_compile_args(
    compile_args: dict[str, Any], scope: Scope = contextlib.nullcontext
) -> dict[str, Any]:
    """Copies the stateful arguments of `compile`, sharing the others.

    An optimizer is bound to one model's variables, and a metric counts for one
    model: each worker needs its own.
    """

    def clone_metric(metric: Any) -> Any:
        if isinstance(metric, keras.Metric):
            return _clone(metric, "metric", scope)
        return metric

    args = dict(compile_args)
    args["optimizer"] = _clone(args["optimizer"], "optimizer", scope)
    for name in ("metrics", "weighted_metrics"):
        args[name] = keras.tree.map_structure(clone_metric, args[name])
    return args


def _clone(instance: Any, label: str, scope: Scope) -> Any:
    try:
        config = instance.get_config()
        with scope():
            clone = type(instance).from_config(config)
        lost = [
            name
            for name, value in vars(instance).items()
            if _is_setting(name, value) and getattr(clone, name, None) != value
        ]
        if lost:
            raise ValueError(f"{lost} would be lost.")
    except Exception as error:
        raise ValueError(
            f"The {label} cannot be cloned from its configuration: {error} "
            f"Received: {instance!r}. "
            "Expected: one whose `get_config` holds every argument, its "
            "custom parts registered with "
            "keras.saving.register_keras_serializable."
        ) from error
    return clone


def _is_setting(name: str, value: Any) -> bool:
    # Names are numbered, and a clone is not built.
    return (
        isinstance(value, bool | int | float | str)
        and not name.startswith("_")
        and name not in ("name", "built")
    )


def _difference(variables: Any, without: Any) -> tuple[keras.Variable, ...]:
    # By identity: `==` on Keras variables compares their values.
    excluded = {id(variable) for variable in without}
    return tuple(v for v in variables if id(v) not in excluded)
