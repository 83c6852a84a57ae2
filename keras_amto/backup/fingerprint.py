"""What has to be equal for a run to continue from a backup."""

import dataclasses
import hashlib
import json
from typing import Any

import keras

from keras_amto.planning import FitPlan

_NAMES = ("name", "registered_name", "shared_object_id")


def fingerprint(
    plan: FitPlan,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    step: int,
    augment: Any = None,
) -> dict[str, Any]:
    """Returns the settings, the model and the data of a `fit`, by name.

    Args:
        plan: What the `fit` does.
        network: The network that it trains.
        optimizer: The optimizer that it trains with.
        step: Integer, the steps that were made before it.
        augment: What its training batches go through, or `None`.

    Returns:
        Dict of plain values, equal for two runs of the same script.
    """
    clean = plan.validation_data
    settings = dataclasses.asdict(plan.settings)
    del settings["memory_limit"]  # which changes no result
    return {
        **settings,
        "model": _model(network),
        "optimizer": _text(optimizer.get_config()),
        "augment": _augment(augment),
        "backend": keras.config.backend(),
        "batch_size": plan.batch_size,
        "steps_per_epoch": plan.steps_per_epoch,
        "initial_epoch": plan.epochs.start,
        "shuffle": plan.shuffle,
        "first_step": step,
        "data_size": plan.data.size,
        "data": plan.data.digest,
        "validation_data": clean and clean.data.digest,
    }


def _model(network: keras.Model) -> str:
    weights = [(list(v.shape), v.dtype, v.trainable) for v in network.weights]
    try:
        config = _text(network.get_config())
    except Exception:
        # Not every subclassed model can say how it was made.
        config = ""
    digest = _digest((config + json.dumps(weights)).encode())
    return f"{type(network).__name__} of {len(weights)} weights, {digest}"


def _augment(augment: Any) -> str | None:
    if augment is None:
        return None
    if isinstance(augment, keras.Layer):
        return f"{type(augment).__name__} {_text(augment.get_config())}"
    return getattr(augment, "__qualname__", type(augment).__qualname__)


def _text(config: Any) -> str:
    """A configuration as text, without names that Keras numbers."""

    def strip(item: Any) -> Any:
        if isinstance(item, dict):
            return {k: strip(v) for k, v in item.items() if k not in _NAMES}
        if isinstance(item, list | tuple):
            return [strip(each) for each in item]
        return None if _is_layer_name(item) else item

    return json.dumps(strip(config), sort_keys=True, default=str)


def _is_layer_name(item: Any) -> bool:
    # `dense_3`: how often a process made such a layer says nothing of it.
    return isinstance(item, str) and item.rpartition("_")[2].isdigit()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
