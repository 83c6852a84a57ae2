"""The replicas of all jobs, sorted into what can be done together."""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import EvaluationSet


class Lane(NamedTuple):
    """One replica of a job."""

    number: int  # of the job
    job: Any
    replica: Replica


class Progress:
    """Counts what all lanes have done, in units of jobs."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._before = 0.0

    def show(self, lanes: Sequence[Lane], done: float) -> None:
        """Reports what some lanes are doing, on top of what is done."""
        self._on_progress(self._before + done * _shares(lanes))

    def add(self, lanes: Sequence[Lane], done: float) -> None:
        """Reports, and counts, what some lanes have done."""
        self._before += done * _shares(lanes)
        self._on_progress(self._before)


def _shares(lanes: Sequence[Lane]) -> float:
    return sum(1 / len(lane.job.replicas) for lane in lanes)


def groups(
    jobs: Sequence[Any], key: Callable[[Any], Hashable]
) -> Iterator[list[Lane]]:
    """Yields the replicas of jobs whose keys are equal."""
    found: dict[Hashable, list[Lane]] = {}
    for number, job in enumerate(jobs):
        lanes = [Lane(number, job, replica) for replica in job.replicas]
        found.setdefault(key(job), []).extend(lanes)
    yield from found.values()


def sizes(batches: BatchWindow) -> bytes:
    """Equal where batches have the same sizes."""
    return batches.splits.tobytes()


def likeness(samples: EvaluationSet | None) -> Hashable:
    """Equal where samples come from one set in batches of the same sizes."""
    return samples and (id(samples.data), sizes(samples.batches))
