"""Making what a `fit` starts from: networks, an engine, M masters."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_amto.amto import RunState
from keras_amto.amto import begin
from keras_amto.amto import initial_run
from keras_amto.distribution import is_cluster
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import WorkerFactory
from keras_amto.engines import build_metrics
from keras_amto.engines import build_network
from keras_amto.engines import default_seeds_from
from keras_amto.engines import lookups
from keras_amto.engines import make_engine
from keras_amto.engines import refuse_misfit
from keras_amto.engines import symbolic
from keras_amto.fit.carried import Carried
from keras_amto.tasks import IndexedData


def start(carried: Carried, sample: IndexedData) -> tuple[Engine, RunState]:
    """Makes what training needs and is not there yet.

    Args:
        carried: What the model has; it gets what is made. Where something is
            refused, it is left as it was.
        sample: One training batch.

    Returns:
        The engine, and the state to start from.

    Raises:
        ValueError: if the model cannot be built, cloned or trained.
    """
    _build(carried, sample)
    if is_cluster(carried.strategy):
        _refuse_on_cluster(carried)
    loaded = _is_loaded(carried, sample)
    changed = carried.shown.was_changed()
    inputs = symbolic(sample.x)
    if _specs(inputs) != _specs(carried.inputs):
        refuse_misfit(carried.network, sample)
    carried.inputs = inputs
    engine, run = carried.engine, carried.run
    if engine is None:
        engine = _make_engine(carried, sample)
        build_metrics(carried.network, sample)
        masters = _masters(carried, engine, sample, changed, loaded)
        run = _with_networks(run, masters, engine, carried.settings.seed)
    elif run is not None and changed:
        # Somebody has loaded or trained the model since the last `fit`: what
        # they see is what trains on.
        run = run.with_masters([_shown(carried, engine)] * run.num_tasks)
    if run is None:
        raise RuntimeError("There is an engine, but nothing that it trains.")
    carried.engine, carried.run = engine, begin(run)
    return engine, carried.run


def remake_engine(carried: Carried, sample: IndexedData) -> Engine:
    """Makes the engine again, on the devices that are left.

    Args:
        carried: What the model has.
        sample: One training batch.

    Returns:
        The engine. The state of the run is left as it is.
    """
    carried.engine = _make_engine(carried, sample)
    return carried.engine


def _build(carried: Carried, sample: IndexedData) -> None:
    with default_seeds_from(carried.settings.seed, task=0):
        build_network(carried.network, sample)
    optimizer = carried.compile_args["optimizer"]
    if not optimizer.built:
        with carried.scope():
            optimizer.build(carried.network.trainable_variables)


def _refuse_on_cluster(carried: Carried) -> None:
    """Raises where other machines cannot train the network."""
    for table in lookups(carried.network):
        raise ValueError(
            "Tables of lookup layers stay on this machine, and other machines "
            f"cannot reach them. Received: the layer {table.name!r}. "
            "Expected: a network that takes numbers, or no cluster; apply the "
            "layer to the data first."
        )
    for variable in carried.network.weights[:1]:
        carried.strategy.refuse_older(variable.value)


def _make_engine(carried: Carried, sample: IndexedData) -> Engine:
    factory = WorkerFactory(
        carried.network, carried.model_fn, carried.compile_args, carried.augment
    )
    # The workers' own initial weights are never used, but drawing them must
    # not take numbers from a global generator.
    with default_seeds_from(carried.settings.seed, task=0):
        engine = make_engine(
            carried.engine_name, factory, sample, carried.placement
        )
    fresh = engine.initial_replica(carried.network.get_weights())
    expected = [tuple(value.shape) for value in fresh.optimizer]
    received = [value.shape for value in carried.shown.optimizer_values()]
    if received != expected:
        # It would be found out at the very end.
        raise ValueError(
            "The optimizer belongs to another model. "
            f"Received: variables of shapes {received}. "
            f"Expected: an optimizer of its own, {expected}."
        )
    return engine


def _shown(carried: Carried, engine: Engine) -> Replica:
    """The network and the optimizer as the user sees them."""
    return engine.initial_replica(
        carried.network.get_weights(), carried.shown.optimizer_values()
    )


def _masters(
    carried: Carried,
    engine: Engine,
    sample: IndexedData,
    changed: bool,
    loaded: bool,
) -> list[Replica]:
    """The M masters of a new engine."""
    # An optimizer that has made steps, as that of a loaded model, goes on.
    values = None
    if carried.shown.optimizer_has_trained():
        values = carried.shown.optimizer_values()
    if carried.run is not None and not changed:
        return [
            # After `compile`, and only then, a master has no optimizer.
            master
            if master.optimizer
            else engine.initial_replica(master.weights, values)
            for master in carried.run.masters
        ]
    if carried.run is None:
        weights = _initial_weights(carried, sample, loaded)
    else:
        weights = [carried.network.get_weights()] * carried.run.num_tasks
    return [engine.initial_replica(each, values) for each in weights]


def _initial_weights(
    carried: Carried, sample: IndexedData, loaded: bool
) -> list[list[Any]]:
    """The model's own weights for all tasks, or fresh ones from a function.

    Weights that were loaded into a function's model are the model's own.
    """
    own = carried.network.get_weights()
    num_tasks = carried.settings.num_tasks
    if carried.model_fn is None or loaded:
        return [own] * num_tasks
    others = (
        _call(carried, carried.model_fn, task, sample).get_weights()
        for task in range(1, num_tasks)
    )
    return [own, *others]


def _is_loaded(carried: Carried, sample: IndexedData) -> bool:
    """Whether somebody has changed what the function returned."""
    if carried.model_fn is None or carried.run is not None:
        return False  # nobody asks
    if carried.given_digest is not None:
        return carried.shown.digest() != carried.given_digest
    # It was not built then. Somebody may have built it, and loaded it.
    like = _call(carried, carried.model_fn, 0, sample).get_weights()
    own = carried.network.get_weights()
    return not all(map(np.array_equal, own, like))


def _call(
    carried: Carried,
    model_fn: Callable[[], keras.Model],
    task: int,
    sample: IndexedData,
) -> keras.Model:
    """The model that a function returns under the seed of a task."""
    with default_seeds_from(carried.settings.seed, task):
        network = model_fn()
        build_network(network, sample)
    return network


def _with_networks(
    run: RunState | None, masters: list[Replica], engine: Engine, seed: int
) -> RunState:
    """A run of these masters, which keeps what tasks know of each other."""
    states = [
        engine.initial_task_state(task, seed) for task in range(len(masters))
    ]
    fresh = initial_run(masters, states)
    if run is None:
        return fresh
    return dataclasses.replace(
        fresh,
        relationships=run.relationships,
        step=run.step,
        records=run.records,
    )


def _specs(inputs: Any) -> Any:
    """Shapes and types in their structure, which can be compared."""
    return keras.tree.map_structure(
        lambda t: None if t is None else f"{t.dtype}{t.shape}", inputs
    )
