"""How a population of replicas is trained and evaluated. See README.md."""

import keras

from keras_amto.distribution import Placement
from keras_amto.distribution import Scope
from keras_amto.distribution import machine
from keras_amto.engines.augmentation import check_augment
from keras_amto.engines.building import build_metrics
from keras_amto.engines.building import build_network
from keras_amto.engines.building import refuse_misfit
from keras_amto.engines.building import symbolic
from keras_amto.engines.engine import Engine
from keras_amto.engines.lookups import lookups
from keras_amto.engines.misfit import explained_misfit
from keras_amto.engines.misfit import is_loss_of_machine
from keras_amto.engines.optimizers import current_learning_rate
from keras_amto.engines.optimizers import excluded_from_decay
from keras_amto.engines.optimizers import innermost
from keras_amto.engines.optimizers import refuse_optimizer
from keras_amto.engines.optimizers import replica_optimizer_variables
from keras_amto.engines.optimizers import reset_optimizer
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.records import mean_logs
from keras_amto.engines.variables import to_numpy
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import default_seeds_from
from keras_amto.tasks import IndexedData

ENGINES = ("auto", "portable", "tensorflow")


def make_engine(
    name: str,
    factory: WorkerFactory,
    sample: IndexedData,
    placement: Placement,
) -> Engine:
    """Makes the engine of a name.

    Args:
        name: `"portable"` or `"tensorflow"`, as `resolve_engine` returned it.
        factory: Makes workers.
        sample: A small batch of the data.
        placement: Which task runs where.

    Returns:
        An `Engine`.
    """
    # Imported here, and only here: an engine needs what others do not.
    if name == "portable":
        from keras_amto.engines.portable import PortableEngine

        return PortableEngine(factory, sample)
    from keras_amto.engines.placed import PlacedEngine
    from keras_amto.engines.tensorflow import TensorFlowEngine

    devices = placement.devices
    if len(devices) > 1 or machine(devices[0]):
        return PlacedEngine(factory, sample, placement)
    return TensorFlowEngine(
        factory,
        sample,
        # One task has no shadow to train.
        num_workers=min(len(placement.tasks), 2),
        device=devices[0],
    )


def resolve_engine(name: str, eagerly: bool) -> str:
    """Says which engine trains.

    Args:
        name: `"portable"`, `"tensorflow"`, or `"auto"`: TensorFlow's on its
            backend unless the model is compiled with `run_eagerly=True`, the
            portable one otherwise.
        eagerly: Whether it is.

    Returns:
        `"portable"` or `"tensorflow"`.

    Raises:
        ValueError: if the TensorFlow engine is asked for where it cannot run.
    """
    refuse_engine(name, eagerly)
    on_tensorflow = keras.config.backend() == "tensorflow"
    if name == "portable" or eagerly or not on_tensorflow:
        return "portable"
    return "tensorflow"


def refuse_engine(name: str, eagerly: bool) -> None:
    """Raises where the engine of a name cannot run.

    Args:
        name: The engine.
        eagerly: Whether the model is compiled with `run_eagerly=True`.

    Raises:
        ValueError: if the TensorFlow engine is asked for where it cannot run.
    """
    backend = keras.config.backend()
    if name == "tensorflow" and (eagerly or backend != "tensorflow"):
        raise ValueError(
            "engine='tensorflow' trains in graphs of the TensorFlow backend. "
            f"Received: backend={backend!r}, run_eagerly={eagerly}. "
            "Expected: backend='tensorflow' and run_eagerly=False, or "
            "engine='portable'."
        )


__all__ = [
    "ENGINES",
    "Engine",
    "EvaluationJob",
    "Logs",
    "OnProgress",
    "Replica",
    "Scope",
    "TaskState",
    "Trained",
    "TrainingJob",
    "WorkerFactory",
    "build_metrics",
    "build_network",
    "check_augment",
    "current_learning_rate",
    "default_seeds_from",
    "excluded_from_decay",
    "explained_misfit",
    "innermost",
    "is_loss_of_machine",
    "lookups",
    "make_engine",
    "mean_logs",
    "refuse_engine",
    "refuse_misfit",
    "refuse_optimizer",
    "replica_optimizer_variables",
    "reset_optimizer",
    "resolve_engine",
    "symbolic",
    "to_numpy",
]
