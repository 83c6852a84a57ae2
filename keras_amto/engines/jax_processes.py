"""One population trained by several processes, joined by `jax.distributed`."""

import pickle
import zlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from keras_amto.distribution import Placement
from keras_amto.engines.engine import Engine
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.records import join_trained
from keras_amto.tasks import IndexedData

_CHUNK = 64 * 2**20  # bytes that a process sends at a time


class ProcessesEngine(Engine):
    """Does this process' share of every call, and gets that of the others.

    Each process runs the whole script, with the same data and seed, and makes
    the same decisions, since all have the same replicas after every call: what
    one has trained is sent to all. A replica is trained where the placement
    says; evaluations are spread evenly.

    Args:
        engine: Trains on the devices of this process.
        placement: Which replica is trained on which device, of any process.
    """

    def __init__(self, engine: Engine, placement: Placement) -> None:
        self._engine = engine
        self._rows = {row.task: row for row in placement.tasks}
        self._owners = {str(d): int(d.process_index) for d in jax.devices()}
        self.metrics = engine.metrics
        self.metric_names = engine.metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        return self._engine.initial_replica(weights, optimizer)

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        return self._engine.initial_task_state(task, seed)

    def reset_metrics(self, state: TaskState) -> TaskState:
        return self._engine.reset_metrics(state)

    def finalize(self, replica: Replica) -> Replica:
        return self._engine.finalize(replica)

    def from_first_process(self, value: Any) -> Any:
        return _exchanged(value)[0]

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        owners = [
            [self._owner(job.task, number) for number in range(len(replicas))]
            for job in jobs
            for replicas in [job.replicas]
        ]
        _refuse_differences(jobs, [learning_rate, data.digest, *_batches(jobs)])
        parts = self._share(
            jobs,
            owners,
            lambda own, report: self._engine.train(
                own, data, learning_rate, report
            ),
            on_progress,
        )
        return list(map(join_trained, parts))

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        parts = self._share(
            jobs, _evenly(jobs), self._engine.evaluate, on_progress
        )
        return [sum(of_job, start=()) for of_job in parts]

    def estimate_statistics(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Replica, ...]]:
        parts = self._share(
            jobs, _evenly(jobs), self._engine.estimate_statistics, on_progress
        )
        return [sum(of_job, start=()) for of_job in parts]

    def _owner(self, task: int, number: int) -> int:
        """The process that trains a task's master (0) or shadow (1)."""
        row = self._rows[task]
        return self._owners[str((row.master, row.shadow)[number])]

    def _share(
        self,
        jobs: Sequence[Any],
        owners: Sequence[Sequence[int]],
        work: Callable[[Sequence[Any], OnProgress], Sequence[Any]],
        on_progress: OnProgress,
    ) -> list[list[Any]]:
        """Returns what came of each job, in parts, in the order of replicas.

        Args:
            jobs: The jobs of all processes.
            owners: For each the processes of its replicas, in rising order.
            work: Does some, with some of their replicas.
            on_progress: Gets what this process has done, for all.
        """
        own: dict[int, Any] = {}
        for number, job in enumerate(jobs):
            pairs = zip(job.replicas, owners[number], strict=True)
            replicas = tuple(r for r, p in pairs if p == jax.process_index())
            if replicas:
                own[number] = job._replace(replicas=replicas)
        outcomes: Any = []
        error: Exception | None = None
        scale = len(jobs) / max(1, len(own))
        try:
            if own:
                outcomes = work(
                    list(own.values()), lambda done: on_progress(done * scale)
                )
        except Exception as raised:  # else the others would wait for ever
            error = raised
        told = None if error is None else f"{type(error).__name__}: {error}"
        sent = told, dict(zip(own, jax.device_get(outcomes), strict=False))
        parts: list[list[Any]] = [[] for _ in jobs]
        everyone = _exchanged(sent)
        if error is not None:
            raise error
        for process, (told, of_process) in enumerate(everyone):
            if told is not None:
                raise RuntimeError(
                    f"Process {process} of this run has failed. "
                    f"Received: {told} Expected: see its own output."
                )
            for number, outcome in of_process.items():
                parts[number].append(outcome)
        return parts


def _evenly(jobs: Sequence[Any]) -> list[list[int]]:
    """Spreads the replicas of jobs over all processes, in their order."""
    total = sum(len(job.replicas) for job in jobs)
    numbers = iter(range(total))
    return [
        [next(numbers) * jax.process_count() // total for _ in job.replicas]
        for job in jobs
    ]


def _batches(jobs: Sequence[TrainingJob]) -> Iterable[int]:
    for job in jobs:
        yield zlib.crc32(job.batches.order.tobytes())


def _refuse_differences(jobs: Sequence[TrainingJob], asked: Any) -> None:
    """Raises where processes do not train the same networks on the same."""
    weights = 0
    for leaf in jax.tree.leaves([job.replicas for job in jobs]):
        weights = zlib.crc32(np.ascontiguousarray(leaf).tobytes(), weights)
    everyone = _exchanged([weights, *asked])
    for process, other in enumerate(everyone):
        if other != everyone[0]:
            what = "weights" if other[0] != everyone[0][0] else "batches"
            raise ValueError(
                "The processes of a run do not do the same. "
                f"Received: process {process} has other {what} than process "
                "0. Expected: the same script in each, with the same data, "
                "the same `seed`, and initial weights from a seed "
                "(`keras.utils.set_random_seed`)."
            )


def _exchanged(value: Any) -> list[Any]:
    """Returns the values that all processes have given, in their order."""
    # By `pickle`, as between the processes of one job elsewhere.
    content = np.frombuffer(pickle.dumps(value), np.uint8)
    sizes = multihost_utils.process_allgather(np.int32(len(content)))
    received: list[list[Any]] = [[] for _ in sizes]
    for begin in range(0, int(sizes.max()), _CHUNK):
        chunk = np.zeros(min(_CHUNK, int(sizes.max()) - begin), np.uint8)
        part = content[begin : begin + _CHUNK]
        chunk[: len(part)] = part
        for parts, sent in zip(
            received, multihost_utils.process_allgather(chunk), strict=True
        ):
            parts.append(sent)
    return [
        pickle.loads(np.concatenate(parts)[:size].tobytes())
        for parts, size in zip(received, sizes, strict=True)
    ]
