"""Making what a `fit` starts from: networks, an engine, M masters."""

import dataclasses
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
from keras_amto.fit.refusals import look
from keras_amto.tasks import IndexedData


def start(carried: Carried, sample: IndexedData) -> tuple[Engine, RunState]:
    """Makes what training needs and is not there yet, from one batch.

    Where something is refused, what is carried is left as it was.
    """
    with default_seeds_from(carried.settings.seed, task=0):
        build_network(carried.network, sample)
    optimizer = carried.compile_args["optimizer"]
    if not optimizer.built:
        with carried.scope():
            optimizer.build(carried.network.trainable_variables)
    if is_cluster(carried.strategy):
        _refuse_on_cluster(carried)
    if carried.looks is None or carried.looks[0] != look(sample):
        refuse_misfit(carried.network, sample)
    engine, run = carried.engine, carried.run
    if engine is None:
        engine = new_engine(carried, sample)
        build_metrics(carried.network, sample)
    masters = tuple(_masters(carried, engine, sample))
    states = () if run is None else run.task_states
    if not states:  # of a first `fit`, or of one after `compile`
        seed, tasks = carried.settings.seed, range(len(masters))
        states = tuple(engine.initial_task_state(task, seed) for task in tasks)
    if run is None:
        run = initial_run(masters, states)
    else:
        run = dataclasses.replace(run, masters=masters, task_states=states)
    carried.inputs, carried.sample = symbolic(sample.x), sample.sample(1)
    carried.engine, carried.run = engine, begin(run)
    return engine, carried.run


def new_engine(carried: Carried, sample: IndexedData) -> Engine:
    """Makes an engine on the devices that are there."""
    factory = WorkerFactory(
        carried.network, carried.model_fn, carried.compile_args, carried.augment
    )
    # The workers' own initial weights are never used, but drawing them must
    # not take numbers from a global generator.
    with default_seeds_from(carried.settings.seed, task=0):
        engine = make_engine(
            carried.engine_name,
            factory,
            sample,
            carried.placement,
            carried.settings.vectorize,
        )
    fresh = engine.initial_replica(carried.network.get_weights())
    expected = [tuple(value.shape) for value in fresh.optimizer]
    received = [value.shape for value in carried.visible.optimizer_values()]
    if received != expected:
        # It would be found out at the very end.
        raise ValueError(
            "The optimizer belongs to another model. "
            f"Received: variables of shapes {received}. "
            f"Expected: an optimizer of its own, {expected}."
        )
    return engine


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


def _masters(
    carried: Carried, engine: Engine, sample: IndexedData
) -> list[Replica]:
    """The M networks that training goes on from."""
    visible, run, values = carried.visible, carried.run, None
    iterations = carried.compile_args["optimizer"].iterations
    if keras.ops.convert_to_numpy(iterations) > 0:
        # The optimizer goes on, as that of a loaded model does.
        values = visible.optimizer_values()
    if run is not None and not visible.was_changed():
        return [
            # After `compile`, and only then, a master has no optimizer.
            m if m.optimizer else engine.initial_replica(m.weights, values)
            for m in run.masters
        ]
    weights = _initial_weights(carried, sample)
    return [engine.initial_replica(each, values) for each in weights]


def _initial_weights(carried: Carried, sample: IndexedData) -> list[list[Any]]:
    """The model's own weights for all tasks, or fresh ones from a function.

    Weights that somebody has loaded or trained since are the model's own: what
    they see is what trains on.
    """
    own = carried.network.get_weights()
    model_fn, num_tasks = carried.model_fn, carried.settings.num_tasks
    if model_fn is None or carried.run is not None:
        return [own] * num_tasks

    def fresh(task: int) -> list[Any]:
        with default_seeds_from(carried.settings.seed, task):
            network = model_fn()
            build_network(network, sample)
        return list(network.get_weights())

    is_loaded = carried.visible.was_changed()
    if is_loaded is None:
        # It was not built then. Somebody may have built it, and loaded it.
        is_loaded = not all(map(np.array_equal, own, fresh(0)))
    if is_loaded:
        return [own] * num_tasks
    return [own, *map(fresh, range(1, num_tasks))]
