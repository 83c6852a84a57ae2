"""Copies of a user's model, and of what it is compiled with."""

import contextlib
import functools
import inspect
import os
import tempfile
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.engines.lookups import clone_sharing_lookups
from keras_amto.engines.lookups import copy_lookups
from keras_amto.engines.out_of_memory import is_out_of_memory
from keras_amto.engines.variables import to_numpy

Scope = Callable[[], contextlib.AbstractContextManager[Any]]


def build_network(model: keras.Model, sample: Any) -> None:
    """Builds a model from a batch of data, where it is not built yet.

    A subclassed model may call itself built while its layers are not, as after
    `model.build(input_shape)` without a `build` of its own: then they are.

    Raises:
        ValueError: if the model cannot be called on the data.
    """
    if _is_built(model):
        return
    try:
        # As Keras does: a call with values would count as one, in a model that
        # counts them.
        _call(model, symbolic(sample.x, sample.size))
    except Exception as error:
        shapes = keras.tree.map_structure(np.shape, sample.x)
        raise ValueError(
            f"The model {model.name!r} is not built and cannot be built from "
            f"the data: {error} "
            f"Received: x with batches of shape {shapes}. "
            "Expected: a model that accepts such inputs."
        ) from error


def symbolic(x: Any, batch_size: int | None = None) -> Any:
    """Returns symbolic tensors like samples, in their structure.

    Args:
        x: Structure of arrays.
        batch_size: Integer, their first dimension. Defaults to `None`, any.
    """

    def like(array: npt.NDArray[Any]) -> keras.KerasTensor:
        is_text = array.dtype.kind in "OSU"
        dtype = "string" if is_text else str(array.dtype)
        return keras.KerasTensor((batch_size, *array.shape[1:]), dtype)

    return keras.tree.map_structure(like, x)


def _is_built(layer: keras.Layer) -> bool:
    return layer.built and all(
        _is_built(inner) for inner in getattr(layer, "layers", ())
    )


def refuse_misfit(model: keras.Model, sample: Any) -> None:
    """Raises where a built model does not take the data.

    Args:
        model: The model.
        sample: A batch of the data, as `GrossSet`.

    Raises:
        ValueError: if the model cannot be called on it.
    """
    try:
        with warnings.catch_warnings(), _unchanged(model):
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


def build_metrics(model: keras.Model, sample: Any) -> None:
    """Makes a model's compiled metrics, which `keras.Model.fit` leaves made.

    Callbacks look them up, even on a model that trains by its clones.

    Args:
        model: The compiled model.
        sample: A batch of the data, as `GrossSet`.
    """
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        return  # Keras reduces the logs of its replicas, in a graph alone
    one = sample.batch(np.arange(1))
    x, y, sample_weight = keras.tree.map_structure(
        lambda leaf: (
            None if leaf is None else keras.ops.convert_to_tensor(leaf)
        ),
        (one.x, one.y, one.sample_weight),
    )
    eagerly, model.run_eagerly = model.run_eagerly, True  # no trace for this
    try:
        with _unchanged(model):
            # Its own step: that may make other targets than `y`.
            model.test_on_batch(x, y, sample_weight)
    finally:
        model.run_eagerly = eagerly
        model.test_function = None
    model.reset_metrics()


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
            copy_lookups(prototype, clone)
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


def _copy_trainable(prototype: keras.Model, clone: keras.Model) -> None:
    """Freezes what the prototype has frozen: layers, then single variables."""
    _copy_trainable_layers(prototype, clone)
    # Afterwards, since a layer passes what it is told on to its variables.
    for one, other in zip(prototype.weights, clone.weights, strict=True):
        if other.trainable != one.trainable:
            other.trainable = one.trainable


def _copy_trainable_layers(prototype: keras.Layer, clone: keras.Layer) -> None:
    """Freezes the layers that the prototype has frozen, outer ones first."""
    if clone.trainable != prototype.trainable:
        clone.trainable = prototype.trainable
    for one, other in zip(
        getattr(prototype, "layers", []),
        getattr(clone, "layers", []),
        strict=True,
    ):
        _copy_trainable_layers(one, other)


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
    with _unchanged(prototype):
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


@contextlib.contextmanager
def _unchanged(model: keras.Model) -> Iterator[None]:
    """Undoes what calls change in a model: counters and seed generators."""
    kept = [(v, to_numpy(v)) for v in model.variables if not v.trainable]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def _answer(model: keras.Model, sample: Any) -> Any:
    x = keras.tree.map_structure(
        keras.ops.convert_to_tensor, sample.batch(np.arange(1)).x
    )
    return _call(model, x)


def _call(model: keras.Model, x: Any) -> Any:
    if "training" in inspect.signature(model.call).parameters:
        return model(x, training=False)
    return model(x)


def _clone_uncompiled(model: keras.Model) -> keras.Model:
    # `clone_model` would also clone what the model was compiled with, and fail
    # at a custom loss or optimizer that is not registered.
    compiled, model.compiled = model.compiled, False
    try:
        return clone_sharing_lookups(model)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        clone = _construct_anew(model)
        if clone is None:
            raise
        return clone
    finally:
        model.compiled = compiled


def _construct_anew(model: keras.Model) -> keras.Model | None:
    """Calls a subclass' constructor with what it takes of its configuration.

    Keras calls it with `trainable` and `dtype` too, which a class that is not
    meant to be saved seldom takes. Whether the outcome is like the model, the
    caller verifies.

    Returns:
        The model, or `None` where this is no such class.
    """
    parameters = inspect.signature(type(model)).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return None
    try:
        arguments = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in model.get_config().items()
            if name in parameters and name not in ("name", "trainable")
        }
        return type(model)(**arguments)
    except Exception:
        return None


def clone_compile_args(
    compile_args: dict[str, Any], scope: Scope = contextlib.nullcontext
) -> dict[str, Any]:
    """Copies the stateful arguments of `compile`, sharing the others.

    An optimizer is bound to one model's variables, and a metric counts for one
    model: each worker needs its own.
    """

    def clone_metric(metric: Any, name: str) -> Any:
        if isinstance(metric, keras.Metric):
            return _clone(metric, f"metric in `{name}`", scope)
        return metric

    args = dict(compile_args)
    args["optimizer"] = clone_optimizer(args["optimizer"], scope)
    for name in ("metrics", "weighted_metrics"):
        args[name] = keras.tree.map_structure(
            functools.partial(clone_metric, name=name), args[name]
        )
    return args


def clone_optimizer(
    optimizer: keras.optimizers.Optimizer,
    scope: Scope = contextlib.nullcontext,
) -> keras.optimizers.Optimizer:
    """Returns an optimizer of the same configuration, not built."""
    return _clone(optimizer, "optimizer", scope)


def _clone(instance: Any, label: str, scope: Scope) -> Any:
    try:
        config = instance.get_config()
        with scope():
            clone = _from_config(type(instance), config)
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


def _from_config(kind: Any, config: dict[str, Any]) -> Any:
    """Also where `__init__` fixes some settings instead of taking them."""
    try:
        return kind.from_config(config)
    except TypeError:
        taken = inspect.signature(kind).parameters
        clone = kind.from_config({k: config[k] for k in taken if k in config})
        if clone.get_config() != config:
            raise
        return clone


def _is_setting(name: str, value: Any) -> bool:
    # Names are numbered, and a clone is not built.
    return (
        isinstance(value, bool | int | float | str)
        and not name.startswith("_")
        and name not in ("name", "built")
    )
