"""The fast engine: many steps in one graph, master and shadow side by side."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_amto.engines.augmentation import Augmentation
from keras_amto.engines.host_data import HOST
from keras_amto.engines.host_data import HostData
from keras_amto.engines.host_data import host_of
from keras_amto.engines.program import Program
from keras_amto.engines.program import any_length
from keras_amto.engines.program import step_once
from keras_amto.engines.program import trace_augmentation
from keras_amto.engines.program import trace_step
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.sequential import SequentialEngine
from keras_amto.engines.variable_group import VariableGroup
from keras_amto.engines.workers import Worker
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import evaluation_seeds
from keras_amto.engines.workers import task_seeds
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData


class TensorFlowEngine(SequentialEngine):
    """Trains master and shadow in one graph, on batches that are read once.

    Two workers, master and shadow, serve any number of tasks: replicas are
    tuples of tensors that are put into the workers' variables and taken out
    again. TensorFlow copies on write, so a tensor that was taken out never
    changes. A tensor that lies on another device is copied from there.

    Args:
        factory: Makes the workers.
        sample: A small batch of the data, a `IndexedData`.
        num_workers: Integer, 1 (it never trains two at once) or 2.
        device: String, the device of the workers.
        data: The data of all engines. Defaults to `None`, data of its own.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        sample: IndexedData,
        num_workers: int,
        device: str = HOST,
        data: HostData | None = None,
    ) -> None:
        self._device = device
        self._strategy = tf.distribute.OneDeviceStrategy(device)
        evaluate_once = functools.partial(step_once, strategy=self._strategy)
        made = [
            factory.make(sample, evaluate_once, self._strategy.scope)
            for _ in range(num_workers)
        ]
        self._workers = [worker for worker, _ in made]
        self._metric_names = made[0][1]
        self._host = host_of(device)
        with tf.device(self._host):  # where batches are made
            self._augmentation = Augmentation(factory.augment, sample)
        self._replicas = [
            VariableGroup((*worker.weights, *worker.optimizer), device)
            for worker in self._workers
        ]
        self._metrics = [
            VariableGroup(worker.metrics, device) for worker in self._workers
        ]
        # All that random draws of a worker's training steps advance.
        self._seeds = [
            VariableGroup((*worker.seeds, *self._augmentation.seeds), device)
            for worker in self._workers
        ]
        self._evaluation_seeds = [
            VariableGroup(worker.seeds, device) for worker in self._workers
        ]
        self._loaded: list[Replica | None] = [None] * num_workers
        fresh = self._current(0)
        self._fresh_optimizer = fresh.optimizer
        self._fresh_metrics = self._metrics[0].read()
        self._programs: dict[Any, Program] = {}
        self._steps: dict[Any, Any] = {}
        self._data = HostData() if data is None else data

    @property
    def metrics(self) -> list[Any]:
        return list(self._workers[0].model.metrics)

    @property
    def metric_names(self) -> list[str]:
        return self._metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        worker = self._workers[0]
        if optimizer is None:
            optimizer = self._fresh_optimizer
        return Replica(
            _tensors_like(weights, worker.weights),
            _tensors_like(optimizer, worker.optimizer),
        )

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        variables = (*self._workers[0].seeds, *self._augmentation.seeds)
        with tf.device(HOST):
            seeds = map(tf.constant, task_seeds(variables, task, seed))
            return TaskState(tuple(seeds), self._fresh_metrics)

    def reset_metrics(self, state: TaskState) -> TaskState:
        # By the metrics' own `reset_state`, which may keep something.
        self._metrics[0].assign(state.metrics)
        self._workers[0].model.reset_metrics()
        return state._replace(metrics=self._metrics[0].read())

    def train_one(
        self,
        replicas: tuple[Replica, ...],
        state: TaskState,
        data: IndexedData,
        batches: BatchWindow,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Trained:
        workers = self._load(replicas)
        for index, worker in enumerate(workers):
            worker.set_learning_rate(learning_rate)
            self._seeds[index].assign(state.seeds)
        self._metrics[0].assign(state.metrics)
        # Until it is through, the workers hold nothing that has a name: an
        # error or an interruption may leave them anywhere in between.
        self._loaded = [None] * len(self._workers)
        logs = self._run("train", workers, data, batches, on_progress)
        trained = tuple(map(self._current, range(len(workers))))
        self._loaded[: len(workers)] = trained
        return Trained(
            replicas=trained,
            state=TaskState(self._seeds[0].read(), self._metrics[0].read()),
            logs=logs[0],
        )

    def evaluate_one(
        self,
        replicas: tuple[Replica, ...],
        samples: EvaluationSet,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        workers = self._load(replicas)
        for index, worker in enumerate(workers):
            self._metrics[index].assign(self._fresh_metrics)
            self._evaluation_seeds[index].assign(
                evaluation_seeds(worker.seeds, samples.seed)
            )
        # A network may count or adapt while it is evaluated. What it keeps of
        # that is no part of the replica.
        self._loaded = [None] * len(self._workers)
        return self._run(
            "evaluate", workers, samples.data, samples.batches, on_progress
        )

    def finalize(self, replica: Replica) -> Replica:
        (worker,) = self._load((replica,))
        self._loaded[0] = None
        worker.model.optimizer.finalize_variable_values(
            worker.model.trainable_variables
        )
        return self._current(0)

    def trace(self, kind: str, num_replicas: int, data: IndexedData) -> None:
        """Traces a graph before it is needed.

        Args:
            kind: `"train"` or `"evaluate"`.
            num_replicas: Integer, how many replicas it takes.
            data: Data like those it runs on.
        """
        tensors = self._data.tensors(data.sample(1), self._host)
        self._program(kind, self._workers[:num_replicas], tensors)

    def _current(self, index: int) -> Replica:
        """The replica that a worker holds."""
        values = self._replicas[index].read()
        count = len(self._workers[index].weights)
        return Replica(values[:count], values[count:])

    def _load(self, replicas: tuple[Replica, ...]) -> list[Worker]:
        workers = self._workers[: len(replicas)]
        for index, replica in enumerate(replicas):
            if self._loaded[index] is not replica:
                self._loaded[index] = None
                self._replicas[index].assign(
                    (*replica.weights, *replica.optimizer)
                )
                self._loaded[index] = replica
        return workers

    def _run(
        self,
        kind: str,
        workers: list[Worker],
        data: IndexedData,
        batches: BatchWindow,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        logs: Any = ()
        done = 0
        # What steps leave stays in variables, from one part to the next.
        for part, window in data.parts(batches):
            tensors = self._data.tensors(part, self._host)
            program = self._program(kind, workers, tensors)
            logs = program(tensors, window, _counting_from(done, on_progress))
            done += len(window)
        return tuple(
            {name: _to_python(value) for name, value in entry.items()}
            for entry in logs
        )

    def _program(
        self, kind: str, workers: list[Worker], tensors: Any
    ) -> Program:
        specs = keras.tree.map_structure(any_length, tensors)
        key = (kind, len(workers), repr(specs))
        if key not in self._programs:
            augment, batch = None, specs
            if kind == "train" and self._augmentation.function is not None:
                augment = trace_augmentation(
                    self._augmentation, specs, self._host
                )
                batch = keras.tree.map_structure(
                    any_length, augment.structured_outputs
                )
            self._programs[key] = Program(
                [self._step(kind, worker, batch) for worker in workers],
                specs,
                self._device,
                self._host,
                augment,
            )
        return self._programs[key]

    def _step(self, kind: str, worker: Worker, specs: Any) -> Any:
        """The traced step of one worker, shared by the programs that run it."""
        key = (kind, id(worker), repr(specs))
        if key not in self._steps:
            self._steps[key] = trace_step(
                kind, worker.model, specs, self._strategy
            )
        return self._steps[key]


def _counting_from(done: int, on_progress: OnProgress) -> OnProgress:
    return lambda count: on_progress(done + count)


def _tensors_like(
    arrays: Sequence[Any], variables: Sequence[keras.Variable]
) -> tuple[Any, ...]:
    # On the host, which has room for all tasks; a worker's device gets a copy
    # when it trains them.
    with tf.device(HOST):
        return tuple(
            tf.convert_to_tensor(array, dtype=variable.dtype)
            for array, variable in zip(arrays, variables, strict=True)
        )


def _to_python(value: Any) -> Any:
    array = value.numpy()
    return float(array) if array.ndim == 0 else array
