"""Copies of a user's model."""

import contextlib
import inspect
import os
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_amto.distribution import Scope
from keras_amto.engines.building import answer
from keras_amto.engines.building import build_network
from keras_amto.engines.building import nested_layers
from keras_amto.engines.building import unchanged
from keras_amto.engines.errors import explained
from keras_amto.engines.errors import is_out_of_memory
from keras_amto.engines.lookups import clone_sharing_lookups
from keras_amto.engines.lookups import copy_lookups

_EXPECTED = (
    "a model that keras.models.clone_model reproduces, or a function that "
    "builds the model: AMTOModel(lambda: MyModel(...))"
)


def clone_network(
    prototype: keras.Model,
    model_fn: Callable[[], keras.Model] | None,
    sample: Any,
    scope: Scope = contextlib.nullcontext,
) -> keras.Model:
    """Makes a network like the prototype, built and with its weights.

    It is made in a scope; the prototype, which may belong to another one, is
    only used outside of it.

    Raises:
        ValueError: if the clone would not be like the prototype, or would
            share variables with it.
    """
    with explained(
        f"The model {prototype.name!r} cannot be cloned",
        str(type(prototype)),
        _EXPECTED,
    ):
        with scope():
            clone = model_fn() if model_fn else _clone_uncompiled(prototype)
            copy_lookups(prototype, clone)
            build_network(clone, sample)
        difference = _different_network(prototype, clone)
        if difference is None:
            _copy_trainable(prototype, clone)
            _copy_treatment(prototype, clone)
            _copy_state(prototype, clone)
            difference = _different_answers(prototype, clone, sample)
    if difference is not None:
        raise ValueError(
            f"The model {prototype.name!r} does not clone faithfully. "
            f"Received: {difference}. Expected: {_EXPECTED}."
        )
    return clone


def _different_network(
    prototype: keras.Model, clone: keras.Model
) -> str | None:
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
    """Freezes what the prototype has frozen."""
    layers = zip(nested_layers(prototype), nested_layers(clone), strict=True)
    # Variables last: a layer passes what it is told on to what is in it.
    variables = zip(prototype.weights, clone.weights, strict=True)
    for one, other in (*layers, *variables):
        if other.trainable != one.trainable:
            other.trainable = one.trainable


def _copy_treatment(prototype: keras.Model, clone: keras.Model) -> None:
    """Gives variables the regularizers and constraints that they have now.

    Those of a layer's configuration are what the layer was made with.
    """
    for one, other in zip(prototype.weights, clone.weights, strict=True):
        other.regularizer, other.constraint = one.regularizer, one.constraint


def _copy_state(prototype: keras.Model, clone: keras.Model) -> None:
    # By way of a file, as layers load them: some make more of their weights
    # than `set_weights` knows of. An adapted `Normalization` computes tensors.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.weights.h5")
        with warnings.catch_warnings():
            # The optimizer in it is not for the clone.
            warnings.simplefilter("ignore")
            prototype.save_weights(path)
            clone.load_weights(path)


def _different_answers(
    prototype: keras.Model, clone: keras.Model, sample: Any
) -> str | None:
    """Compares what two networks of equal weights answer to a sample."""
    with unchanged(prototype):
        first, again, got = (
            answer(model, sample) for model in (prototype, prototype, clone)
        )
    for one, two, three in zip(first, again, got, strict=True):
        if not np.allclose(one, two, equal_nan=True):
            return None  # it draws random numbers: there is nothing to compare
        if not np.allclose(one, three, rtol=1e-3, atol=1e-3, equal_nan=True):
            return "a network that answers otherwise with the same weights"
    return None


def _clone_uncompiled(model: keras.Model) -> keras.Model:
    # `clone_model` would also clone what the model was compiled with, and fail
    # at a custom loss or optimizer that is not registered.
    compiled, model.compiled = model.compiled, False
    try:
        clone = clone_sharing_lookups(model)
        # `clone_model` makes a plain `Functional` of a functional model whose
        # class has a configuration of its own, as those of KerasHub have.
        if type(clone) is not type(model):
            clone = type(model).from_config(model.get_config())
        return clone
    except Exception as error:
        clone = None if is_out_of_memory(error) else _construct_again(model)
        if clone is None:
            raise
        return clone
    finally:
        model.compiled = compiled


def _construct_again(model: keras.Model) -> keras.Model | None:
    """Calls a constructor with what it takes of the model's configuration.

    Keras calls it with `trainable` and `dtype` too, which a class that is not
    meant to be saved seldom takes. Whether the outcome is like the model, the
    caller verifies.
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
