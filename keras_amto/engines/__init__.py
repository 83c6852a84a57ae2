"""How a population of replicas is trained and evaluated. See README.md."""

import keras

from keras_amto.distribution import Placement
from keras_amto.engines.augmentation import check_augment as check_augment
from keras_amto.engines.averaging import add_replicas as add_replicas
from keras_amto.engines.averaging import are_finite as are_finite
from keras_amto.engines.averaging import merge_replicas as merge_replicas
from keras_amto.engines.building import build_metrics as build_metrics
from keras_amto.engines.building import build_network as build_network
from keras_amto.engines.building import call as call
from keras_amto.engines.building import refuse_misfit as refuse_misfit
from keras_amto.engines.building import steps_eagerly as steps_eagerly
from keras_amto.engines.building import symbolic as symbolic
from keras_amto.engines.cloning import clone_network as clone_network
from keras_amto.engines.compile_args import (
    clone_compile_args as clone_compile_args,
)
from keras_amto.engines.compile_args import (
    current_learning_rate as current_learning_rate,
)
from keras_amto.engines.compile_args import (
    excluded_from_decay as excluded_from_decay,
)
from keras_amto.engines.compile_args import innermost as innermost
from keras_amto.engines.compile_args import refuse_optimizer as refuse_optimizer
from keras_amto.engines.compile_args import (
    replica_optimizer_variables as replica_optimizer_variables,
)
from keras_amto.engines.compile_args import reset_optimizer as reset_optimizer
from keras_amto.engines.engine import Engine as Engine
from keras_amto.engines.errors import explained_misfit as explained_misfit
from keras_amto.engines.errors import is_loss_of_machine as is_loss_of_machine
from keras_amto.engines.lookups import lookups as lookups
from keras_amto.engines.records import EvaluationJob as EvaluationJob
from keras_amto.engines.records import Logs as Logs
from keras_amto.engines.records import OnProgress as OnProgress
from keras_amto.engines.records import Replica as Replica
from keras_amto.engines.records import TaskState as TaskState
from keras_amto.engines.records import Trained as Trained
from keras_amto.engines.records import TrainingJob as TrainingJob
from keras_amto.engines.records import mean_logs as mean_logs
from keras_amto.engines.variables import to_numpy as to_numpy
from keras_amto.engines.workers import WorkerFactory as WorkerFactory
from keras_amto.engines.workers import default_seeds_from as default_seeds_from
from keras_amto.tasks import IndexedData

ENGINES = ("auto", "portable", "tensorflow", "jax")

_PROGRAMS = {
    "tensorflow": "in graphs of the TensorFlow backend",
    "jax": "in programs that the JAX backend compiles",
}


def resolve_engine(
    name: str, eagerly: bool, vectorize: bool | str = "auto"
) -> str:
    """Returns which engine trains: `"portable"`, `"tensorflow"` or `"jax"`.

    `"auto"` is the backend's own, unless the model is compiled with
    `run_eagerly=True`, and the portable one where it has none.

    Raises:
        ValueError: if an engine, or `vectorize=True`, is asked for where it
            cannot run.
    """
    backend = keras.config.backend()
    fast = backend if backend in _PROGRAMS and not eagerly else "portable"
    if name in _PROGRAMS and name != fast:
        raise ValueError(
            f"engine={name!r} trains {_PROGRAMS[name]}. "
            f"Received: backend={backend!r}, run_eagerly={eagerly}. "
            f"Expected: backend={name!r} and run_eagerly=False, or "
            "engine='portable'."
        )
    engine = fast if name == "auto" else name
    if engine == "jax":
        _refuse_distribution()
    elif vectorize is True:
        raise ValueError(
            "vectorize=True trains all networks at once by `jax.vmap`. "
            f"Received: vectorize=True with the {engine} engine "
            f"(backend={backend!r}, run_eagerly={eagerly}). "
            "Expected: backend='jax' without run_eagerly and without "
            "engine='portable', or vectorize='auto'."
        )
    return engine


def _refuse_distribution() -> None:
    distribution = keras.distribution.distribution()
    if distribution is not None:
        raise ValueError(
            "`keras.distribution.set_distribution` lays one network over "
            "devices, but AMTO lays a population over them: every network on "
            "a device of its own. "
            f"Received: distribution={distribution!r}. "
            "Expected: keras.distribution.set_distribution(None), or "
            "engine='portable'."
        )


def make_engine(
    name: str,
    factory: WorkerFactory,
    sample: IndexedData,
    placement: Placement,
    vectorize: bool | str = "auto",
) -> Engine:
    """Makes the engine of a name, given a small batch of the data."""
    # Imported here, and only here: an engine needs what others do not.
    if name == "portable":
        from keras_amto.engines.portable import PortableEngine

        return PortableEngine(factory, sample)
    if name == "jax":
        import jax

        from keras_amto.engines.jax import JaxEngine

        engine = JaxEngine(factory, sample, placement, vectorize)
        if jax.process_count() == 1:
            return engine
        from keras_amto.engines.jax_processes import ProcessesEngine

        return ProcessesEngine(engine, placement)
    from keras_amto.engines.tensorflow import TensorFlowEngine

    return TensorFlowEngine(factory, sample, placement)
