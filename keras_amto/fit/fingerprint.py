"""What has to be equal for a run to continue from a backup."""

import dataclasses
import hashlib
import json
from typing import Any

import keras
import numpy as np

from keras_amto.callbacks import AMTOCallback
from keras_amto.engines import excluded_from_decay
from keras_amto.fit.description import described
from keras_amto.fit.plan import FitPlan
from keras_amto.tasks import EvaluationSet

_DECIDING = (
    "patience",
    "stop_when",
    "min_delta",
    "restore_best_weights",
    "selection_metric",
)


def fingerprint(
    plan: FitPlan,
    network: keras.Model,
    compile_args: dict[str, Any],
    steps_per_execution: int,
    engine: str,
    callback: AMTOCallback,
    augment: Any = None,
) -> dict[str, Any]:
    """Returns all that decides the result of a `fit`, by name.

    Args:
        plan: What the `fit` does.
        network: The network that it trains.
        compile_args: What `compile` was given.
        steps_per_execution: Integer, likewise.
        engine: The name of the engine that trains.
        callback: When it stops, and what it returns.
        augment: What its training batches go through, or `None`.

    Returns:
        Dict of plain values, equal for two runs of the same script. In the
        order in which they are compared: what follows from another comes later.
    """
    settings = dataclasses.asdict(plan.settings)
    del settings["memory_limit"], settings["cache_dir"]  # change no result
    del settings["engine"]  # but the engine that it leads to
    freq = plan.validation_freq
    # Without `epochs`: a run that is to be longer goes on from its backup as if
    # it had been from the start. And without devices, which change no number.
    return {
        **settings,
        "model": _model(network),
        **{name: described(each) for name, each in compile_args.items()},
        "exclude_from_weight_decay": excluded_from_decay(
            compile_args["optimizer"], network
        ),
        "steps_per_execution": steps_per_execution,
        "augment": described(augment),
        "backend": keras.config.backend(),
        "engine": engine,
        "callback": described(type(callback)),
        **{name: getattr(callback, name) for name in _DECIDING},
        "batch_size": plan.batch_size,
        "steps_per_epoch": plan.steps_per_epoch,
        "initial_epoch": plan.epochs.numbers.start,
        "shuffle": plan.shuffle,
        "first_step": plan.first_step,
        "data_size": plan.data.size,
        "data": plan.data.digest,  # with weights of samples and classes
        "validation_freq": freq if isinstance(freq, int) else sorted(set(freq)),
        "validation_batch_size": plan.validation_batch_size,
        **_clean(plan.validation_data),
    }


def _clean(samples: EvaluationSet | None) -> dict[str, Any]:
    if samples is None:
        return {"validation_steps": None, "validation_data": None}
    splits = np.ascontiguousarray(samples.batches.splits)
    return {
        "validation_steps": len(samples.batches),
        "validation_data": f"{samples.data.digest}, in batches of "
        f"{_digest(splits.tobytes())}",
    }


def _model(network: keras.Model) -> str:
    weights = [(list(v.shape), v.dtype, v.trainable) for v in network.weights]
    content = f"{described(network)}{json.dumps(weights)}".encode()
    return (
        f"{type(network).__name__} of {len(weights)} weights, "
        f"{_digest(content)}"
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
