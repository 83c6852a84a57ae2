"""What every engine promises. See README.md beside this file."""

import abc
from collections.abc import Sequence
from typing import Any

from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.tasks import IndexedData


class Engine(abc.ABC):
    """Trains and evaluates replicas of one compiled network.

    Every method is a function of its arguments: an engine may keep workers,
    traced functions and copies of data, but nothing that a result depends on.
    Wherever it takes a replica or a task state, NumPy arrays serve in the place
    of its own tensors, as they come from a backup.

    Attributes:
        metrics: The built Keras metrics of a worker, loss tracker first.
        metric_names: The keys of the logs that `evaluate` returns.
    """

    metrics: Sequence[Any]
    metric_names: Sequence[str]

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
    def reset_metrics(self, state: TaskState) -> TaskState:
        """Returns the state with its metrics reset, as an epoch begins."""

    def on_host(self, replica: Replica) -> Replica:
        """Returns a replica on this machine, wherever it lies."""
        return replica

    def from_first_process(self, value: Any) -> Any:
        """Returns what the first process that runs the script has given.

        Args:
            value: Anything that can be pickled. There may be one process.
        """
        return value

    @abc.abstractmethod
    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        """Trains the replicas of all tasks, side by side where it can.

        Args:
            jobs: One for each task.
            data: The gross training set, in memory or not.
            learning_rate: Float, or `None` where the optimizer's own schedule
                sets it.
            on_progress: Called from time to time, in the calling thread, with
                the steps done so far, summed over the tasks. What it raises
                ends the training.

        Returns:
            A `Trained` record for each job, in their order.
        """

    @abc.abstractmethod
    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        """Evaluates replicas as `keras.Model.evaluate` would.

        Args:
            jobs: What to evaluate.
            on_progress: Called from time to time, in the calling thread, with
                the jobs done so far.

        Returns:
            For each job the logs of each replica, `loss` and the compiled
            metrics.
        """

    @abc.abstractmethod
    def estimate_statistics(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Replica, ...]]:
        """Estimates the statistics of batch normalisation from samples.

        They become means over the batches, by their sizes, of what training
        would see. Frozen layers keep theirs, and so does a network without
        batch normalisation.

        Args:
            jobs: The replicas, and samples of the training set.
            on_progress: As in `evaluate`.

        Returns:
            For each job the replicas with these statistics, and otherwise as
            they were.
        """

    @abc.abstractmethod
    def finalize(self, replica: Replica) -> Replica:
        """Returns the replica as Keras leaves a model at the end of `fit`.

        An optimizer with `use_ema=True` then puts the moving averages in the
        place of the trainable weights.
        """
