"""The values that an engine takes and returns."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_amto.tasks import BatchWindow
from keras_amto.tasks import EvaluationSet

Tensor = Any  # a value of the engine's own kind, never changed in place
Logs = dict[str, Any]  # as Keras logs: floats, or arrays for vector metrics
OnProgress = Callable[[float], None]


class Replica(NamedTuple):
    """A network under training, as a value: theta and all that trains it.

    Exactly what moves from donor to shadow and from accepted shadow to master.

    Attributes:
        weights: One tensor for each of `model.weights`: trainable weights and
            statistics such as those of batch normalisation.
        optimizer: One tensor for each optimizer variable but the learning rate,
            which belongs to the run and its callbacks.
    """

    weights: tuple[Tensor, ...]
    optimizer: tuple[Tensor, ...]


class TaskState(NamedTuple):
    """What stays with a task, whatever is transferred to it.

    Attributes:
        seeds: One tensor for each seed generator of the network. Master and
            shadow both start from it, so they draw the same dropout masks.
        metrics: What the engine keeps of the epoch so far, to give training
            logs as running means over the epoch; empty or fresh at its start.
    """

    seeds: tuple[Tensor, ...]
    metrics: tuple[Any, ...]


class TrainingJob(NamedTuple):
    """What one task trains in an execution.

    Attributes:
        task: Integer, m.
        replicas: `(master,)` or `(master, shadow)`. Both see the same batches
            and draw the same random numbers.
        state: The task's state.
        batches: The batches, as positions in the gross training set.
        samples: What to evaluate the trained replicas on, or `None`.
    """

    task: int
    replicas: tuple[Replica, ...]
    state: TaskState
    batches: BatchWindow
    samples: EvaluationSet | None = None


class EvaluationJob(NamedTuple):
    """One replica, or two on the same batches, and what to evaluate them on."""

    task: int  # on whose devices to do it
    replicas: tuple[Replica, ...]
    samples: EvaluationSet


class Trained(NamedTuple):
    """The outcome of a training job.

    Attributes:
        replicas: The replicas after the steps, in the order given.
        state: The task's state after them.
        logs: The logs of the first replica, the master.
        evaluated: The logs of each replica on the job's samples, or `None`.
    """

    replicas: tuple[Replica, ...]
    state: TaskState
    logs: Logs
    evaluated: tuple[Logs, ...] | None = None


def counting_from(before: int, on_progress: OnProgress) -> OnProgress:
    """Reports what is done on top of what was done before."""
    return lambda done: on_progress(before + done)


def join_trained(parts: Sequence[Trained]) -> Trained:
    """Joins the outcomes of a master and its shadow that trained apart."""
    master = parts[0]
    evaluated = None
    if master.evaluated is not None:
        evaluated = tuple(
            logs for each in parts for logs in each.evaluated or ()
        )
    return master._replace(
        replicas=tuple(r for each in parts for r in each.replicas),
        evaluated=evaluated,
    )


def as_logs(values: Mapping[str, Any]) -> Logs:
    """Makes floats of single numbers, and arrays of all else.

    A metric may give several values by name, as Keras' compiled metrics do in a
    `train_step` that returns all results: they are logs of their own, as in
    Keras.
    """
    logs: Logs = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            logs |= as_logs(value)
        else:
            array = keras.ops.convert_to_numpy(value)
            logs[name] = float(array) if array.ndim == 0 else array
    return logs


def mean_logs(logs: Sequence[Logs]) -> Logs:
    """Averages the logs of several tasks, key by key."""
    return as_logs(
        {
            name: np.mean([each[name] for each in logs], axis=0)
            for name in logs[0]
        }
    )
