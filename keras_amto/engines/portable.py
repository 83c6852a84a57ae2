"""The plain engine: one replica after another, through public Keras calls."""

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_amto.engines.augmentation import Augmentation
from keras_amto.engines.engine import Engine
from keras_amto.engines.normalization import estimate_on
from keras_amto.engines.normalization import one_by_one
from keras_amto.engines.normalization import positions
from keras_amto.engines.normalization import with_statistics
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.records import as_logs
from keras_amto.engines.records import counting_from
from keras_amto.engines.records import join_trained
from keras_amto.engines.variables import assign
from keras_amto.engines.variables import to_numpy
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import evaluation_seeds
from keras_amto.engines.workers import task_seeds
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData


class PortableEngine(Engine):
    """Trains replicas with `train_on_batch`, on any Keras backend.

    Slow and simple on purpose: it is the oracle that every faster engine must
    equal. One worker trains all replicas in turn; a replica is NumPy arrays.
    """

    def __init__(self, factory: WorkerFactory, sample: IndexedData) -> None:
        device = keras.distribution.list_devices()[0]
        self._worker = factory.make(sample, device)
        self.metrics = self._worker.model.metrics
        self.metric_names = self._worker.metric_names
        self._augmentation = Augmentation(factory.augment, sample)
        self._seeds = (*self._worker.seeds, *self._augmentation.seeds)
        self._fresh_optimizer = _read(self._worker.optimizer)
        self._fresh_metrics = _read(self._worker.metrics)

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        arrays = tuple(map(np.array, weights))
        if optimizer is None:
            return Replica(arrays, self._fresh_optimizer)
        return Replica(arrays, tuple(map(np.array, optimizer)))

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        return TaskState(task_seeds(self._seeds, task, seed), metrics=())

    def reset_metrics(self, state: TaskState) -> TaskState:
        if not state.metrics:
            return state
        # By the metrics' own `reset_state`, which may keep something.
        assign(self._worker.metrics, state.metrics)
        self._worker.model.reset_metrics()
        return state._replace(metrics=_read(self._worker.metrics))

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        self._worker.set_learning_rate(learning_rate)
        outcomes, before = [], 0
        for job in jobs:
            report = counting_from(before, on_progress)
            trained = join_trained(
                [self._train(job, each, data, report) for each in job.replicas]
            )
            before += len(job.batches)
            if job.samples is not None:
                tick = functools.partial(on_progress, before)
                logs = self._evaluate(trained.replicas, job.samples, tick)
                trained = trained._replace(evaluated=logs)
            outcomes.append(trained)
        return outcomes

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        outcomes = []
        for done, job in enumerate(jobs):
            tick = functools.partial(on_progress, done)
            outcomes.append(self._evaluate(job.replicas, job.samples, tick))
            on_progress(done + 1)
        return outcomes

    def estimate_statistics(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Replica, ...]]:
        return one_by_one(jobs, self._estimate, on_progress)

    def finalize(self, replica: Replica) -> Replica:
        self._load(replica)
        model = self._worker.model
        model.optimizer.finalize_variable_values(model.trainable_variables)
        return self._current()

    def _train(
        self,
        job: TrainingJob,
        replica: Replica,
        data: IndexedData,
        on_progress: OnProgress,
    ) -> Trained:
        model, metrics = self._worker.model, self._worker.metrics
        self._load(replica)
        assign(self._seeds, job.state.seeds)
        # `train_on_batch` resets the metrics, whose variables then count one
        # batch. Keras' metrics count in sums, so the sums over the batches are
        # what the variables would hold after all of them.
        sums = job.state.metrics or (0.0,) * len(metrics)
        logs: Logs = {}
        for step in range(len(job.batches)):
            batch = data.batch(job.batches[step])
            assign(metrics, self._fresh_metrics)
            logs = model.train_on_batch(
                self._augmentation(batch.x),
                batch.y,
                batch.sample_weight,
                return_dict=True,
            )
            counts = _read(metrics)
            sums = tuple(a + b for a, b in zip(sums, counts, strict=True))
            on_progress(step + 1)
        assign(metrics, sums)
        logs |= model.get_metrics_result()
        return Trained(
            (self._current(),),
            TaskState(_read(self._seeds), sums),
            as_logs(logs),
        )

    def _evaluate(
        self,
        replicas: tuple[Replica, ...],
        samples: EvaluationSet,
        tick: Callable[[], None],
    ) -> tuple[Logs, ...]:
        given = samples.data.batch(samples.batches.order)
        results = []
        for replica in replicas:
            self._load(replica)
            assign(self._worker.metrics, self._fresh_metrics)
            seeds = evaluation_seeds(self._worker.seeds, samples.seed)
            assign(self._worker.seeds, seeds)
            logs = self._worker.model.evaluate(
                given.x,
                given.y,
                sample_weight=given.sample_weight,
                batch_size=len(samples.batches[0]),
                verbose=0,
                return_dict=True,
                callbacks=[
                    keras.callbacks.LambdaCallback(
                        on_test_batch_end=lambda batch, logs: tick()
                    )
                ],
            )
            results.append(as_logs(logs))
        return tuple(results)

    def _estimate(
        self,
        replica: Replica,
        samples: EvaluationSet,
        tick: Callable[[], None],
    ) -> Replica:
        model = self._worker.model
        where = positions(model)
        if not where:
            return replica
        self._load(replica)
        seeds = evaluation_seeds(self._worker.seeds, samples.seed)
        assign(self._worker.seeds, seeds)
        seen: Any = 0.0
        for step in range(len(samples.batches)):
            batch = samples.data.batch(samples.batches[step])
            tensors = keras.tree.map_structure(
                keras.ops.convert_to_tensor, batch.x
            )
            seen = estimate_on(model, (tensors,), seen)
            tick()
        return with_statistics(replica, self._current(), where)

    def _load(self, replica: Replica) -> None:
        assign(self._worker.weights, replica.weights)
        assign(self._worker.optimizer, replica.optimizer)

    def _current(self) -> Replica:
        return Replica(
            _read(self._worker.weights), _read(self._worker.optimizer)
        )


def _read(variables: Sequence[keras.Variable]) -> tuple[Any, ...]:
    return tuple(map(to_numpy, variables))
