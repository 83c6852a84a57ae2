"""The plain engine: one replica after another, through public Keras calls."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_amto.engines.augmentation import Augmentation
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.sequential import SequentialEngine
from keras_amto.engines.variables import to_numpy
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import evaluation_seeds
from keras_amto.engines.workers import task_seeds
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData


class PortableEngine(SequentialEngine):
    """Trains replicas with `train_on_batch`, on any Keras backend.

    Slow and simple on purpose: it is the oracle that every faster engine must
    equal. One worker trains all replicas in turn; a replica is NumPy arrays.

    Args:
        factory: Makes the worker.
        sample: A small batch of the data, a `IndexedData`.
    """

    def __init__(self, factory: WorkerFactory, sample: IndexedData) -> None:
        self._worker, self._metric_names = factory.make(sample, _test_on_batch)
        self._augmentation = Augmentation(factory.augment, sample)
        self._seeds = (*self._worker.seeds, *self._augmentation.seeds)
        self._fresh_optimizer = _read(self._worker.optimizer)
        self._fresh_metrics = _read(self._worker.metrics)

    @property
    def metrics(self) -> list[Any]:
        return list(self._worker.model.metrics)

    @property
    def metric_names(self) -> list[str]:
        return self._metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        arrays = tuple(np.array(weight) for weight in weights)
        if optimizer is None:
            return Replica(arrays, self._fresh_optimizer)
        return Replica(arrays, tuple(np.array(value) for value in optimizer))

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        seeds = tuple(task_seeds(self._seeds, task, seed))
        return TaskState(seeds, metrics=())

    def reset_metrics(self, state: TaskState) -> TaskState:
        if not state.metrics:
            return state
        # By the metrics' own `reset_state`, which may keep something.
        worker = self._worker
        _assign(worker.metrics, state.metrics)
        worker.model.reset_metrics()
        return state._replace(metrics=_read(worker.metrics))

    def train_one(
        self,
        replicas: tuple[Replica, ...],
        state: TaskState,
        data: IndexedData,
        batches: BatchWindow,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Trained:
        self._worker.set_learning_rate(learning_rate)
        trained = [
            self._train_one(replica, state, data, batches, on_progress)
            for replica in replicas
        ]
        return Trained(
            replicas=tuple(outcome[0] for outcome in trained),
            state=trained[0][1],
            logs=trained[0][2],
        )

    def _train_one(
        self,
        replica: Replica,
        state: TaskState,
        data: IndexedData,
        batches: BatchWindow,
        on_progress: OnProgress,
    ) -> tuple[Replica, TaskState, Logs]:
        worker = self._worker
        self._load(replica)
        _assign(self._seeds, state.seeds)
        # `train_on_batch` resets the metrics, whose variables then count one
        # batch. Keras' metrics count in sums, so the sums over the batches are
        # what the variables would hold after all of them.
        sums = state.metrics or (0.0,) * len(worker.metrics)
        logs: Logs = {}
        for step in range(len(batches)):
            batch = data.batch(batches[step])
            _assign(worker.metrics, self._fresh_metrics)
            logs = worker.model.train_on_batch(
                self._augmentation(batch.x),
                batch.y,
                batch.sample_weight,
                return_dict=True,
            )
            counts = _read(worker.metrics)
            sums = tuple(a + b for a, b in zip(sums, counts, strict=True))
            on_progress(step + 1)
        _assign(worker.metrics, sums)
        logs |= worker.model.get_metrics_result()
        return (
            self._current(),
            TaskState(_read(self._seeds), sums),
            {name: _to_python(value) for name, value in logs.items()},
        )

    def evaluate_one(
        self,
        replicas: tuple[Replica, ...],
        samples: EvaluationSet,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        batches = samples.batches
        given = samples.data.batch(batches.order)
        results = []
        for replica in replicas:
            self._load(replica)
            _assign(self._worker.metrics, self._fresh_metrics)
            _assign(
                self._worker.seeds,
                evaluation_seeds(self._worker.seeds, samples.seed),
            )
            logs = self._worker.model.evaluate(
                given.x,
                given.y,
                sample_weight=given.sample_weight,
                batch_size=len(batches[0]),
                verbose=0,
                return_dict=True,
                callbacks=[
                    keras.callbacks.LambdaCallback(
                        on_test_batch_end=lambda batch, logs: on_progress(batch)
                    )
                ],
            )
            results.append({k: _to_python(v) for k, v in logs.items()})
            on_progress(len(batches))
        return tuple(results)

    def finalize(self, replica: Replica) -> Replica:
        self._load(replica)
        model = self._worker.model
        model.optimizer.finalize_variable_values(model.trainable_variables)
        return self._current()

    def _load(self, replica: Replica) -> None:
        _assign(self._worker.weights, replica.weights)
        _assign(self._worker.optimizer, replica.optimizer)

    def _current(self) -> Replica:
        return Replica(
            _read(self._worker.weights), _read(self._worker.optimizer)
        )


def _test_on_batch(model: keras.Model, sample: IndexedData) -> Any:
    return model.test_on_batch(
        sample.x, sample.y, sample.sample_weight, return_dict=True
    )


def _read(variables: Sequence[keras.Variable]) -> tuple[Any, ...]:
    return tuple(to_numpy(variable) for variable in variables)


def _assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _to_python(value: Any) -> Any:
    array = keras.ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else array
