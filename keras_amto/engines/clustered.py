"""Several worker processes, of which each trains its share of the tasks."""

from collections.abc import Sequence
from typing import Any

from keras_amto.cluster import Cluster
from keras_amto.cluster import LostWorkerError
from keras_amto.engines.engine import Engine
from keras_amto.engines.forwarding import ForwardingEngine
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.placement import Placement
from keras_amto.tasks import SampleSet


class ClusteredEngine(ForwardingEngine):
    """Trains the tasks of this process, and tells the others how they fare.

    All processes call it alike, with jobs for all tasks, and get the same
    numbers. A replica that another process holds is a name here, without
    values, which travel when a job needs them: when they were chosen to be a
    shadow's start. Logs go to all.

    Args:
        inner: Trains the tasks of this process.
        placement: Which task runs where.
        cluster: The processes.
    """

    def __init__(
        self, inner: Engine, placement: Placement, cluster: Cluster
    ) -> None:
        super().__init__(inner)
        self._cluster = cluster
        self._placement = placement
        self._home = {row.task: row.worker for row in placement.tasks}

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: SampleSet,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        steps = [len(job.batches) for job in jobs]
        self._agree_on(["train", steps, learning_rate])
        jobs = self._with_what_travels(jobs)
        mine = [job for job in jobs if self._is_mine(job.task)]
        outcomes = self._inner.train(
            mine, data, learning_rate, self._watching(mine, jobs, on_progress)
        )
        logs = self._share(
            jobs, [[done.logs, done.evaluated] for done in outcomes]
        )
        of_mine = iter(outcomes)
        trained = []
        for job, (of_master, evaluated) in zip(jobs, logs, strict=True):
            home = self._home[job.task]
            if self._is_mine(job.task):
                done = next(of_mine)
                replicas = tuple(r._replace(home=home) for r in done.replicas)
                trained.append(done._replace(replicas=replicas))
                continue
            trained.append(
                Trained(
                    (_elsewhere(home),) * len(job.replicas),
                    TaskState((), ()),
                    of_master,
                    None if evaluated is None else tuple(evaluated),
                )
            )
        return trained

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        self._agree_on(["evaluate", [job.task for job in jobs]])
        mine = [job for job in jobs if self._is_mine(job.task)]
        outcomes = self._inner.evaluate(
            mine, self._watching(mine, jobs, on_progress)
        )
        logs = self._share(jobs, [list(of_job) for of_job in outcomes])
        return [tuple(of_job) for of_job in logs]

    def finalize(self, replica: Replica) -> Replica:
        if not self._is_here(replica):
            return replica
        return self._inner.finalize(replica)._replace(home=replica.home)

    def neighbours(self, num_tasks: int) -> Sequence[Sequence[int]]:
        workers = range(self._placement.num_workers)
        return [self._placement.tasks_of(worker) for worker in workers]

    def everywhere(self, replica: Replica) -> Replica:
        if replica.home is None:
            return replica
        rank = self._cluster.rank
        if replica.home == rank:
            value = self._to_value(replica)
            for peer in self._cluster.mesh.peers:
                self._cluster.send(peer, value)
            return replica._replace(home=None)
        return self._from_value(self._cluster.receive(replica.home))

    def settled(self, task: int, replica: Replica | None) -> Replica:
        home = self._home[task]
        if replica is None or home != self._cluster.rank:
            return _elsewhere(home)
        return replica._replace(home=home)

    def any_of(self, flags: Sequence[bool]) -> list[bool]:
        columns = zip(*self._cluster.exchange(list(flags)), strict=True)
        return [any(column) for column in columns]

    def _is_mine(self, task: int) -> bool:
        return self._home[task] == self._cluster.rank

    def _is_here(self, replica: Replica) -> bool:
        return replica.home in (None, self._cluster.rank)

    def _with_what_travels(
        self, jobs: Sequence[TrainingJob]
    ) -> list[TrainingJob]:
        """Moves replicas to where they are trained, each once a process."""
        arrived: dict[tuple[int, int], Replica] = {}
        arriving = []
        for job in jobs:
            target = self._home[job.task]
            replicas = []
            for replica in job.replicas:
                way = (id(replica), target)
                if replica.home not in (None, target) and way not in arrived:
                    arrived[way] = replica
                    if replica.home == self._cluster.rank:
                        self._cluster.send(target, self._to_value(replica))
                    elif target == self._cluster.rank:
                        value = self._cluster.receive(replica.home)
                        arrived[way] = self._from_value(value)
                replicas.append(arrived.get(way, replica))
            arriving.append(job._replace(replicas=tuple(replicas)))
        return arriving

    def _to_value(self, replica: Replica) -> list[Any]:
        arrays = self._inner.to_arrays(replica)
        return [list(arrays.weights), list(arrays.optimizer)]

    def _from_value(self, value: Any) -> Replica:
        weights, optimizer = map(tuple, value)
        return self._inner.from_arrays(Replica(weights, optimizer))

    def _agree_on(self, call: list[Any]) -> None:
        """Checks that all processes are about to do the same."""
        for rank, other in enumerate(self._cluster.exchange(call)):
            if other != call:
                raise LostWorkerError(
                    "The worker processes have drifted apart. Received: "
                    f"{other} in worker {rank} ({self._cluster.names[rank]}), "
                    f"{call} in worker {self._cluster.rank}. Expected: the "
                    "same; callbacks have to do the same in all of them."
                )

    def _watching(
        self,
        mine: Sequence[Any],
        jobs: Sequence[Any],
        on_progress: OnProgress,
    ) -> OnProgress:
        """Reports for all jobs what is done of these, and notices deaths."""
        share = len(jobs) / max(len(mine), 1)

        def report(done: float) -> None:
            self._cluster.check()
            on_progress(done * share)

        return report

    def _share(
        self, jobs: Sequence[TrainingJob | EvaluationJob], mine: list[Any]
    ) -> list[Any]:
        """Puts together, in the order of jobs, what each process has of its."""
        of_workers = [iter(each) for each in self._cluster.exchange(mine)]
        return [next(of_workers[self._home[job.task]]) for job in jobs]


def _elsewhere(home: int) -> Replica:
    return Replica((), (), home)
