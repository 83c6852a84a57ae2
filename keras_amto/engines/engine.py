"""What every engine promises. See README.md beside this file."""

import abc
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from keras_amto.tasks import BatchWindow
from keras_amto.tasks import GrossSet

Tensor = Any  # a value of the engine's own kind, never changed in place
Logs = dict[str, Any]  # as Keras logs: floats, or arrays for vector metrics


class Replica(NamedTuple):
    """A network under training, as a value: theta and all that trains it.

    Exactly what moves from donor to shadow and from accepted shadow to master.
    Whoever holds a replica may keep it as long as they like: training returns
    new ones.

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


class Trained(NamedTuple):
    """The outcome of some training steps.

    Attributes:
        replicas: The replicas after the steps, in the order given.
        state: The task's state after them.
        logs: The logs of the first replica, the master.
    """

    replicas: tuple[Replica, ...]
    state: TaskState
    logs: Logs


OnProgress = Callable[[int], None]


class Engine(abc.ABC):
    """Trains and evaluates replicas of one compiled network.

    Every method is a function of its arguments: an engine may keep workers,
    traced functions and copies of data, but nothing that a result depends on.
    """

    @property
    @abc.abstractmethod
    def metrics(self) -> list[Any]:
        """The built Keras metrics of a worker, loss tracker first."""

    @property
    @abc.abstractmethod
    def metric_names(self) -> list[str]:
        """The keys of the logs that `evaluate` returns."""

    @abc.abstractmethod
    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        """Returns a replica of given weights.

        Args:
            weights: One array for each of `model.weights`.
            optimizer: One array for each of `Replica.optimizer`, or `None` for
                those of a fresh optimizer.
        """

    @abc.abstractmethod
    def initial_task_state(self, task: int, seed: int) -> TaskState:
        """Returns the state of a task that has not trained.

        Args:
            task: Integer, m. Seeds differ from task to task.
            seed: Integer, the seed of the run.
        """

    @abc.abstractmethod
    def without_metrics(self, state: TaskState) -> TaskState:
        """Returns the state with its metrics reset, as an epoch begins."""

    @abc.abstractmethod
    def train(
        self,
        replicas: tuple[Replica, ...],
        state: TaskState,
        data: GrossSet,
        batches: BatchWindow,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Trained:
        """Trains one replica, or a master and its shadow, on some batches.

        Args:
            replicas: `(master,)` or `(master, shadow)`. Both see the same
                batches and draw the same random numbers.
            state: The task's state.
            data: The gross training set.
            batches: The batches, as positions in it.
            learning_rate: Float, or `None` where the optimizer's own schedule
                sets it.
            on_progress: Called from time to time with the steps done so far.

        Returns:
            A `Trained` record.
        """

    @abc.abstractmethod
    def evaluate(
        self,
        replicas: tuple[Replica, ...],
        data: GrossSet,
        batches: BatchWindow,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        """Evaluates replicas as `keras.Model.evaluate` would.

        Args:
            replicas: One replica, or two on the same batches.
            data: The set that holds the samples.
            batches: The batches, as positions in it.
            on_progress: Called from time to time with the batches done so far.

        Returns:
            The logs of each replica, `loss` and the compiled metrics.
        """

    @abc.abstractmethod
    def finalize(self, replica: Replica) -> Replica:
        """Returns the replica as Keras leaves a model at the end of `fit`.

        An optimizer with `use_ema=True` then puts the moving averages in the
        place of the trainable weights.
        """

    @abc.abstractmethod
    def to_arrays(self, replica: Replica) -> Replica:
        """Returns the replica with NumPy arrays in the place of tensors."""

    @abc.abstractmethod
    def from_arrays(self, replica: Replica) -> Replica:
        """Returns the replica that `to_arrays` was given, bit for bit."""

    @abc.abstractmethod
    def state_to_arrays(self, state: TaskState) -> TaskState:
        """Returns the state with NumPy arrays in the place of tensors."""

    @abc.abstractmethod
    def state_from_arrays(self, state: TaskState) -> TaskState:
        """Returns the state that `state_to_arrays` was given."""
