"""Several devices of one process, stepping at the same time."""

import concurrent.futures
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import tensorflow as tf

from keras_amto.distribution import LostMachineError
from keras_amto.distribution import Placement
from keras_amto.distribution import machine
from keras_amto.engines.engine import Engine
from keras_amto.engines.host_data import HostData
from keras_amto.engines.host_data import host_of
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.tensorflow import TensorFlowEngine
from keras_amto.engines.workers import WorkerFactory
from keras_amto.tasks import IndexedData

_SECONDS_BETWEEN_REPORTS = 0.1


class PlacedEngine(Engine):
    """Trains tasks on several devices, each in a thread of its own.

    Every device has a `TensorFlowEngine`: with one worker where master and
    shadow of a task lie apart, with two where they lie together. TensorFlow
    lets go of Python's lock while a graph runs, so the devices step at the same
    time. A device goes on to its next task without waiting for the others; all
    meet when the execution ends.

    Args:
        factory: Makes the workers.
        sample: A small batch of the data, a `IndexedData`.
        placement: Which task runs where.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        sample: IndexedData,
        placement: Placement,
    ) -> None:
        self._rows = {row.task: row for row in placement.tasks}
        data = HostData()
        together = {r.master for r in placement.tasks if r.master == r.shadow}
        self._engines = {
            device: TensorFlowEngine(
                factory, sample, 2 if device in together else 1, device, data
            )
            for device in placement.devices
        }
        # What values are is the same for all; how to train is decided below.
        self._first = self._engines[placement.devices[0]]

    @property
    def metrics(self) -> list[Any]:
        return self._first.metrics

    @property
    def metric_names(self) -> list[str]:
        return self._first.metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        return self._first.initial_replica(weights, optimizer)

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        return self._first.initial_task_state(task, seed)

    def reset_metrics(self, state: TaskState) -> TaskState:
        return self._first.reset_metrics(state)

    def finalize(self, replica: Replica) -> Replica:
        return self._first.finalize(replica)

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        parts = self._all_parts(jobs)
        for job, of_job in zip(jobs, parts, strict=True):
            self._trace("train", of_job, data)
            if job.samples is not None:
                self._trace("evaluate", of_job, job.samples.data)

        def work(number: int, part: _Part, report: OnProgress) -> Trained:
            job = jobs[number]._replace(replicas=part.replicas)
            (trained,) = self._engines[part.device].train(
                [job], data, learning_rate, report
            )
            return trained

        outcomes = _side_by_side(parts, work, on_progress)
        return [_join(of_job) for of_job in outcomes]

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        parts = self._all_parts(jobs)
        for job, of_job in zip(jobs, parts, strict=True):
            self._trace("evaluate", of_job, job.samples.data)

        def work(
            number: int, part: _Part, report: OnProgress
        ) -> tuple[Logs, ...]:
            job = jobs[number]._replace(replicas=part.replicas)
            (logs,) = self._engines[part.device].evaluate([job], report)
            return logs

        outcomes = _side_by_side(parts, work, on_progress)
        return [sum(of_job, start=()) for of_job in outcomes]

    def _all_parts(
        self, jobs: Sequence[TrainingJob | EvaluationJob]
    ) -> list[list["_Part"]]:
        """The parts of all jobs; a replica goes to a machine once."""
        arrived: dict[tuple[int, str], Replica] = {}

        def at(device: str, replica: Replica) -> Replica:
            where = machine(device)
            if _machine_of(replica) == where:
                return replica
            if (id(replica), where) not in arrived:
                with tf.device(host_of(device)):
                    arrived[id(replica), where] = Replica(
                        tuple(map(tf.identity, replica.weights)),
                        tuple(map(tf.identity, replica.optimizer)),
                    )
            return arrived[id(replica), where]

        return [
            [
                _Part(
                    part.device,
                    tuple(at(part.device, r) for r in part.replicas),
                )
                for part in self._parts(job.task, job.replicas)
            ]
            for job in jobs
        ]

    def _parts(self, task: int, replicas: tuple[Replica, ...]) -> list["_Part"]:
        """Sends a master and its shadow to their devices."""
        row = self._rows[task]
        if len(replicas) == 1 or row.shadow in (None, row.master):
            return [_Part(row.master, replicas)]
        master, shadow = replicas
        return [_Part(row.master, (master,)), _Part(row.shadow, (shadow,))]

    def _trace(
        self, kind: str, parts: Sequence["_Part"], data: IndexedData
    ) -> None:
        # In this thread: Keras keeps settings, as that of mixed precision, for
        # each thread apart, and layers may read them while they are traced.
        for part in parts:
            engine = self._engines[part.device]
            engine.trace(kind, len(part.replicas), data)


class _Part(NamedTuple):
    """The replicas of a job that one device takes."""

    device: str
    replicas: tuple[Replica, ...]


def _machine_of(replica: Replica) -> str:
    """Where a replica lies. Arrays are in this process."""
    values = (*replica.weights, *replica.optimizer)
    return machine(getattr(values[0], "device", "")) if values else ""


class _AbandonedError(Exception):
    """Ends a thread whose result nobody waits for."""


def _join(of_job: Sequence[Trained]) -> Trained:
    """The outcome of a job from those of its parts, the master's first."""
    master, *shadow = of_job
    evaluated = master.evaluated
    for other in shadow:
        master = master._replace(replicas=master.replicas + other.replicas)
        if evaluated is not None and other.evaluated is not None:
            evaluated += other.evaluated
    return master._replace(evaluated=evaluated)


def _side_by_side(
    parts: Sequence[Sequence[_Part]],
    work: Callable[[int, _Part, OnProgress], Any],
    on_progress: OnProgress,
) -> list[list[Any]]:
    """Works through the parts of jobs, every device in its own thread.

    Args:
        parts: The parts of each job.
        work: Does one part of the job of a number, and reports progress.
        on_progress: Called in this thread with what is done of all jobs.

    Returns:
        The outcomes, like `parts`.
    """
    outcomes: list[list[Any]] = [[None] * len(of_job) for of_job in parts]
    done = [[0.0] * len(of_job) for of_job in parts]
    queues: dict[str, list[tuple[int, int]]] = {}
    for number, of_job in enumerate(parts):
        for index, part in enumerate(of_job):
            queues.setdefault(part.device, []).append((number, index))
    abandoned = threading.Event()

    def go_through(queue: Sequence[tuple[int, int]]) -> None:
        for number, index in queue:

            def report(steps: float, n: int = number, i: int = index) -> None:
                if abandoned.is_set():
                    raise _AbandonedError
                done[n][i] = steps

            report(0)
            part = parts[number][index]
            outcomes[number][index] = work(number, part, report)

    executor = concurrent.futures.ThreadPoolExecutor(
        max(len(queues), 1), thread_name_prefix="keras_amto_device"
    )
    waits = True
    try:
        running = {executor.submit(go_through, q) for q in queues.values()}
        while running:
            finished, running = concurrent.futures.wait(
                running,
                _SECONDS_BETWEEN_REPORTS,
                concurrent.futures.FIRST_COMPLETED,
            )
            for future in finished:
                future.result()
            on_progress(sum(sum(one) / len(one) for one in done))
    except LostMachineError:
        waits = False  # for a thread that itself waits for a silent machine
        raise
    finally:
        # After an error, or an interruption of this thread, the others stop at
        # their next report, within about half a second.
        abandoned.set()
        executor.shutdown(wait=waits)
    return outcomes
