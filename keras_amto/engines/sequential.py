"""What engines of one device share: one task after another."""

import abc
from collections.abc import Sequence

from keras_amto.engines.engine import Engine
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData


class SequentialEngine(Engine):
    """An engine that trains one task after another."""

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        outcomes, before = [], 0
        for job in jobs:
            trained = self.train_one(
                job.replicas,
                job.state,
                data,
                job.batches,
                learning_rate,
                _after(before, on_progress),
            )
            before += len(job.batches)
            if job.samples is not None:
                # Here, while the workers still hold these replicas: else they
                # would have to be put into them once more.
                logs = self.evaluate_one(
                    trained.replicas,
                    job.samples,
                    _at(before, on_progress),
                )
                trained = trained._replace(evaluated=logs)
            outcomes.append(trained)
        return outcomes

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        outcomes: list[tuple[Logs, ...]] = []
        for job in jobs:
            before = len(outcomes)
            outcomes.append(
                self.evaluate_one(
                    job.replicas,
                    job.samples,
                    _at(before, on_progress),
                )
            )
            on_progress(len(outcomes))
        return outcomes

    @abc.abstractmethod
    def train_one(
        self,
        replicas: tuple[Replica, ...],
        state: TaskState,
        data: IndexedData,
        batches: BatchWindow,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Trained:
        """Trains one replica, or a master and its shadow, on some batches.

        Args:
            replicas: As in `TrainingJob`, like all others.
            learning_rate: As in `train`.
            on_progress: Called from time to time with the steps done so far.

        Returns:
            A `Trained` record.
        """

    @abc.abstractmethod
    def evaluate_one(
        self,
        replicas: tuple[Replica, ...],
        samples: EvaluationSet,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        """Evaluates one replica, or two on the same batches.

        Args:
            replicas: As in `EvaluationJob`, like `samples`.
            on_progress: Called from time to time with the batches done so far.

        Returns:
            The logs of each replica.
        """


def _after(before: int, on_progress: OnProgress) -> OnProgress:
    """Reports what is done on top of what was done before."""
    return lambda done: on_progress(before + done)


def _at(before: int, on_progress: OnProgress) -> OnProgress:
    """Reports that nothing more is done, but time passes."""
    return lambda _: on_progress(before)
