"""How a population of replicas is trained and evaluated. See README.md."""

import keras

from keras_amto.engines.engine import Engine
from keras_amto.engines.engine import Logs
from keras_amto.engines.engine import Replica
from keras_amto.engines.engine import TaskState
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import build_network
from keras_amto.engines.workers import current_learning_rate
from keras_amto.engines.workers import default_seeds_from
from keras_amto.engines.workers import replica_optimizer_variables
from keras_amto.engines.workers import to_numpy
from keras_amto.tasks import GrossSet

ENGINES = ("auto", "portable", "tensorflow")


def make_engine(
    name: str, factory: WorkerFactory, sample: GrossSet, num_tasks: int
) -> Engine:
    """Makes the engine of a name.

    Args:
        name: `"portable"`, `"tensorflow"`, or `"auto"`: TensorFlow's on its
            backend unless the model is compiled with `run_eagerly=True`, the
            portable one otherwise.
        factory: Makes workers.
        sample: A small batch of the data.
        num_tasks: Integer, M. One task has no shadow to train.

    Returns:
        An `Engine`.

    Raises:
        ValueError: if the TensorFlow engine is asked for where it cannot run.
    """
    eagerly = bool(factory.compile_args.get("run_eagerly"))
    refuse_engine(name, eagerly)
    on_tensorflow = keras.config.backend() == "tensorflow"
    if name == "portable" or eagerly or not on_tensorflow:
        # Imported here, and only here: an engine needs what others do not.
        from keras_amto.engines.portable import PortableEngine

        return PortableEngine(factory, sample)
    from keras_amto.engines.tensorflow import TensorFlowEngine

    return TensorFlowEngine(factory, sample, num_workers=min(num_tasks, 2))


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
    "Logs",
    "Replica",
    "TaskState",
    "WorkerFactory",
    "build_network",
    "current_learning_rate",
    "default_seeds_from",
    "make_engine",
    "refuse_engine",
    "replica_optimizer_variables",
    "to_numpy",
]
