"""What has to be equal for a run to continue from a backup."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_amto.callbacks import AMTOCallback
from keras_amto.engines import current_learning_rate
from keras_amto.engines import excluded_from_decay
from keras_amto.fit.carried import Carried
from keras_amto.fit.plan import FitPlan
from keras_amto.tasks import digest

_IGNORED = ("registered_name", "shared_object_id")


def fingerprint(
    plan: FitPlan,
    carried: Carried,
    steps_per_execution: int,
    callback: AMTOCallback,
) -> dict[str, Any]:
    """Returns all that decides the result of a `fit`, by name.

    The values are plain, and equal for two runs of the same script. They are
    compared in this order: what follows from another comes later.
    """
    settings = dataclasses.asdict(plan.settings)
    del settings["memory_limit"], settings["cache_dir"]  # change no result
    del settings["engine"]  # but the engine that it leads to
    network, compile_args = carried.network, carried.compile_args
    batches, freq = plan.batches[0], plan.validation_freq
    clean = plan.validation_data
    # Without `epochs`: a run that is to be longer goes on from its backup as if
    # it had been from the start. And without devices, which change no number.
    return {
        **settings,
        "model": described_network(network),
        **_described_at(plan.beginning.learning_rate, compile_args),
        "exclude_from_weight_decay": excluded_from_decay(
            compile_args["optimizer"], network
        ),
        "steps_per_execution": steps_per_execution,
        "augment": described(carried.augment),
        "backend": keras.config.backend(),
        "engine": carried.engine_name,
        "callback": described(type(callback)),
        "patience": callback.patience,
        "stop_when": callback.stop_when,
        "min_delta": callback.min_delta,
        "restore_best_weights": callback.restore_best_weights,
        "selection_metric": callback.selection_metric,
        "answer": callback.answer,
        "average_from": callback.average_from,
        "batch_size": batches.batch_size,
        "steps_per_epoch": plan.steps_per_epoch,
        "initial_epoch": plan.epochs.numbers.start,
        "shuffle": batches.shuffle,
        "first_step": plan.beginning.step,
        "data_size": plan.data.size,
        "data": plan.data.digest,  # with weights of samples and classes
        "splits": carried.splits and digest(plan.tasks),
        "validation_freq": freq if isinstance(freq, int) else sorted(set(freq)),
        "validation_batch_size": plan.validation_batch_size,
        "validation_steps": clean and len(clean.batches),
        "validation_data": clean
        and f"{clean.data.digest}, in batches of "
        f"{_digest(clean.batches.splits.tobytes())}",
    }


def _described_at(
    rate: float | None, compile_args: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of `compile`, as they were when training began."""
    optimizer = compile_args["optimizer"]
    now = current_learning_rate(optimizer)
    try:
        if rate is not None and now is not None:
            optimizer.learning_rate = rate
        return {name: described(each) for name, each in compile_args.items()}
    finally:
        if now is not None:
            optimizer.learning_rate = now


def described_network(network: keras.Model) -> str:
    """Says what a network is made of, in one line."""
    kind = type(network).__name__
    weights = [(list(v.shape), v.dtype, v.trainable) for v in network.weights]
    content = f"{described(network)}{json.dumps(weights)}".encode()
    return f"{kind} of {len(weights)} weights, {_digest(content)}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def described(item: Any) -> Any:
    """Says what something is in a plain value, alike in two runs of a script.

    Of a function or a class only its qualified name counts, also for a lambda
    or closure; of an object with `get_config` its class and configuration; of
    any other its class alone.
    """
    text = json.dumps(item, sort_keys=True, default=_plain)
    plain = json.loads(text)
    return text if isinstance(plain, dict | list) else plain


def _plain(item: Any) -> Any:
    """What JSON can take in the place of something that it cannot."""
    if isinstance(item, np.ndarray | np.generic):
        return item.tolist()
    if isinstance(item, functools.partial):
        return [item.func, item.args, item.keywords]
    if hasattr(item, "__qualname__"):
        return _qualified(item)
    kind = _qualified(type(item))
    try:
        config = _without_names(item.get_config())
    except Exception:
        return kind  # not every object can say how it was made
    if isinstance(item, keras.Metric):  # logs bear its name
        stem, _, number = item.name.rpartition("_")
        return [kind, stem if number.isdigit() else item.name, config]
    return [kind, config]


def _qualified(item: Any) -> str:
    return f"{item.__module__}.{item.__qualname__}"


def _without_names(config: Any) -> Any:
    """A configuration with numbers in the place of names.

    How often a process has made such a layer says nothing of it, but which
    layer calls which does: a name is the number of its first appearance.
    """
    numbers: dict[str, int] = {}
    for name in _names_in(config):
        numbers.setdefault(name, len(numbers))

    def renamed(item: Any) -> Any:
        if isinstance(item, dict):
            if item.get("class_name") == "__lambda__":
                return "lambda"  # else its code, whose bytes may vary
            return {
                str(key): renamed(each)
                for key, each in item.items()
                if key not in _IGNORED
            }
        if isinstance(item, list | tuple):
            return [renamed(each) for each in item]
        if isinstance(item, str) and item in numbers:
            return f"name {numbers[item]}"
        return item

    return renamed(config)


def _names_in(config: Any) -> Iterator[str]:
    """The names of the objects in a configuration, in their order."""
    if isinstance(config, dict):
        if str(config.get("class_name")).endswith("DTypePolicy"):
            return  # whose name is what it does
        if isinstance(config.get("name"), str):
            yield config["name"]
        config = list(config.values())
    if isinstance(config, list | tuple):
        for each in config:
            yield from _names_in(each)
