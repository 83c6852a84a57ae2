"""The fast engine: many steps in one graph, on one device or several."""

import itertools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_amto.distribution import Placement
from keras_amto.distribution import machine
from keras_amto.distribution.placement import HOST
from keras_amto.engines.device import Device
from keras_amto.engines.engine import Engine
from keras_amto.engines.moving import Mover
from keras_amto.engines.normalization import positions
from keras_amto.engines.program import DataTensors
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.records import join_trained
from keras_amto.engines.side_by_side import Part
from keras_amto.engines.side_by_side import side_by_side
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import task_seeds
from keras_amto.tasks import IndexedData


class TensorFlowEngine(Engine):
    """Trains tasks where a placement says; a replica is tensors.

    A device has one worker where master and shadow of a task lie apart, two
    where they lie together. All devices meet when an execution ends.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        sample: IndexedData,
        placement: Placement,
    ) -> None:
        self._rows = {row.task: row for row in placement.tasks}
        self._data = DataTensors()
        self._mover = Mover()
        together = {r.master for r in placement.tasks if r.master == r.shadow}
        self._devices = {
            name: Device(
                name, 2 if name in together else 1, factory, sample, self._data
            )
            for name in placement.devices
        }
        # A machine that falls silent must not keep the calling thread.
        self._in_threads = len(self._devices) > 1 or any(
            map(machine, self._devices)
        )
        # What values are is the same on all.
        self._first = self._devices[placement.devices[0]]
        self._worker = self._first.workers[0]
        self.metrics = self._worker.model.metrics
        self.metric_names = self._worker.metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        if optimizer is None:
            optimizer = self._first.fresh.optimizer
        return Replica(
            _tensors_like(weights, self._worker.weights),
            _tensors_like(optimizer, self._worker.optimizer),
        )

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        seeds = task_seeds(self._first.seeds, task, seed)
        return TaskState(
            _tensors_like(seeds, self._first.seeds), self._first.fresh_metrics
        )

    def reset_metrics(self, state: TaskState) -> TaskState:
        return self._first.reset_metrics(state)

    def finalize(self, replica: Replica) -> Replica:
        return self._first.finalize(replica)

    def on_host(self, replica: Replica) -> Replica:
        return self._mover(replica, HOST)

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        def work(part: Part, report: OnProgress) -> Trained:
            return part.device.train(part.job, data, learning_rate, report)

        return list(
            map(join_trained, self._on_devices(jobs, data, work, on_progress))
        )

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        def work(part: Part, report: OnProgress) -> tuple[Logs, ...]:
            return part.device.evaluate(part.job, report)

        outcomes = self._on_devices(jobs, None, work, on_progress)
        return [sum(of_job, start=()) for of_job in outcomes]

    def estimate_statistics(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Replica, ...]]:
        if not positions(self._worker.model):
            on_progress(len(jobs))
            return [job.replicas for job in jobs]

        def work(part: Part, report: OnProgress) -> tuple[Replica, ...]:
            return part.device.estimate_statistics(part.job, report)

        outcomes = self._on_devices(
            jobs, None, work, on_progress, on_samples="estimate"
        )
        return [sum(of_job, start=()) for of_job in outcomes]

    def _on_devices(
        self,
        jobs: Sequence[TrainingJob | EvaluationJob],
        data: IndexedData | None,
        work: Callable[[Part, OnProgress], Any],
        on_progress: OnProgress,
        on_samples: str = "evaluate",
    ) -> list[list[Any]]:
        parts = self._parts(jobs)
        if self._in_threads:
            # In this thread: Keras keeps settings, as that of mixed precision,
            # for each thread apart, and layers may read them while they are
            # traced.
            for part in itertools.chain(*parts):
                part.device.trace(part.job, data, on_samples)
        return side_by_side(parts, work, on_progress, self._in_threads)

    def _parts(
        self, jobs: Sequence[TrainingJob | EvaluationJob]
    ) -> list[list[Part]]:
        """Sends jobs to their devices; a replica goes to a machine once."""
        arrived: dict[tuple[int, str], Replica] = {}

        def part(job: Any, name: str, replicas: Sequence[Replica]) -> Part:
            there = []
            for replica in replicas:
                key = id(replica), machine(name)
                if key not in arrived:
                    arrived[key] = self._mover(replica, name)
                there.append(arrived[key])
            job = job._replace(replicas=tuple(there))
            return Part(self._devices[name], job)

        parts = []
        for job in jobs:
            row = self._rows[job.task]
            if len(job.replicas) == 1 or row.shadow in (None, row.master):
                parts.append([part(job, row.master, job.replicas)])
            else:
                names = (row.master, row.shadow)
                pairs = zip(names, job.replicas, strict=True)
                parts.append([part(job, name, [r]) for name, r in pairs])
        return parts


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
