"""How a population of replicas is trained and evaluated. See README.md."""

import keras

from keras_amto.distribution import Placement
from keras_amto.engines.augmentation import check_augment as check_augment
from keras_amto.engines.building import build_metrics as build_metrics
from keras_amto.engines.building import build_network as build_network
from keras_amto.engines.building import refuse_misfit as refuse_misfit
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

ENGINES = ("auto", "portable", "tensorflow")


def resolve_engine(name: str, eagerly: bool) -> str:
    """Returns which engine trains, `"portable"` or `"tensorflow"`.

    `"auto"` is TensorFlow's on its backend, unless the model is compiled with
    `run_eagerly=True`, and the portable one otherwise.

    Raises:
        ValueError: if the TensorFlow engine is asked for where it cannot run.
    """
    backend = keras.config.backend()
    can_trace = backend == "tensorflow" and not eagerly
    if name == "tensorflow" and not can_trace:
        raise ValueError(
            "engine='tensorflow' trains in graphs of the TensorFlow backend. "
            f"Received: backend={backend!r}, run_eagerly={eagerly}. "
            "Expected: backend='tensorflow' and run_eagerly=False, or "
            "engine='portable'."
        )
    return "tensorflow" if can_trace and name != "portable" else "portable"


def make_engine(
    name: str,
    factory: WorkerFactory,
    sample: IndexedData,
    placement: Placement,
) -> Engine:
    """Makes the engine of a name, given a small batch of the data."""
    # Imported here, and only here: an engine needs what others do not.
    if name == "portable":
        from keras_amto.engines.portable import PortableEngine

        return PortableEngine(factory, sample)
    from keras_amto.engines.tensorflow import TensorFlowEngine

    return TensorFlowEngine(factory, sample, placement)
