"""What the arguments of `compile` have to be.

Keras notices most mistakes only in the first training step, when AMTO has
already discarded what it had compiled before.
"""

import inspect
import math
import numbers
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value

_LOSS = (
    "the name of a Keras loss, a function of (y_true, y_pred), or a list or "
    "dict of these, one for each output"
)
_WEIGHTS = "a float, or a list or dict of floats, one for each output"
_METRICS = (
    "a list or dict of names of Keras metrics, functions of (y_true, y_pred), "
    "or keras.metrics.Metric"
)


def check_network_compiles(network: keras.Model, given: Any) -> None:
    """Raises where a network's own `compile` cannot be called as Keras'."""
    try:
        inspect.signature(network.compile).bind(**given)
    except TypeError as error:
        raise ValueError(
            f"The model {network.name!r} has a `compile` of its own with other "
            f"arguments: {error}. Received: {type(network).compile!r}. "
            "Expected: the arguments of `keras.Model.compile`; give what else "
            "it needs to the constructor."
        ) from error


def check_loss(loss: Any) -> None:
    """Raises where `compile` is given something that is not a loss."""
    if loss is None:
        return  # a `train_step` may have its own
    leaves = keras.tree.flatten(loss)
    if all(leaf is None for leaf in leaves):
        raise wrong_value("loss", loss, "holds no loss", _LOSS)
    for leaf in leaves:
        # "crossentropy" is whichever of Keras' losses fits the output.
        if str(leaf).lower() not in ("crossentropy", "ce"):
            _check("loss", leaf, "a loss", keras.losses.get, _LOSS)


def check_loss_weights(loss_weights: Any) -> None:
    """Raises where `compile` is given something that is not a loss weight."""
    name = "loss_weights"
    if not isinstance(loss_weights, list | tuple | dict | float | None):
        raise wrong_type(name, loss_weights, "a float", _WEIGHTS)
    for leaf in keras.tree.flatten(loss_weights):
        if isinstance(leaf, numbers.Real):
            if not math.isfinite(leaf):
                raise wrong_value(name, leaf, "is not finite", _WEIGHTS)
        elif leaf is not None and not hasattr(leaf, "dtype"):  # a variable, say
            raise wrong_type(name, leaf, "a number", _WEIGHTS)


def check_metrics(name: str, metrics: Any) -> None:
    """Raises where `metrics` or `weighted_metrics` are not metrics."""
    if not isinstance(metrics, list | tuple | dict | None):
        raise wrong_type(name, metrics, "a list or dict of metrics", _METRICS)
    for leaf in _leaves(metrics or ()):
        # Keras also reads configurations, and picks an accuracy that fits.
        by_keras = str(leaf).lower() in ("accuracy", "acc")
        if not by_keras and not isinstance(leaf, dict):
            _check(name, leaf, "a metric", keras.metrics.get, _METRICS)


def _leaves(metrics: Any) -> Iterator[Any]:
    for each in metrics.values() if isinstance(metrics, dict) else metrics:
        if isinstance(each, list | tuple):
            yield from _leaves(each)
        else:
            yield each


def _check(
    name: str, leaf: Any, kind: str, get: Callable[[str], Any], expected: str
) -> None:
    if leaf is None or callable(leaf):
        return
    if not isinstance(leaf, str):
        raise wrong_type(name, leaf, kind, expected)
    try:
        get(leaf)
    except ValueError as error:
        problem = "is unknown to Keras"
        raise wrong_value(name, leaf, problem, expected) from error
