"""Several devices of one process, working at the same time."""

import concurrent.futures
import dataclasses
import itertools
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_amto.distribution import LostMachineError
from keras_amto.engines.records import OnProgress

_SECONDS_BETWEEN_REPORTS = 0.1


@dataclasses.dataclass(eq=False)
class Part:
    """What one device does of a job, and what came of it.

    Attributes:
        device: String, the device.
        job: The job, with the replicas that the device takes.
        done: Float, how much of it is done.
        outcome: What it gave, once it is done.
    """

    device: str
    job: Any
    done: float = 0.0
    outcome: Any = None


class _AbandonedError(Exception):
    """Ends a thread whose result nobody waits for."""


def side_by_side(
    jobs: Sequence[Sequence[Part]],
    work: Callable[[Part, OnProgress], Any],
    on_progress: OnProgress,
    in_threads: bool,
) -> list[list[Any]]:
    """Works through the parts of jobs, every device in its own thread.

    TensorFlow lets go of Python's lock while a graph runs, so devices work at
    the same time. A device goes on to its next part without waiting for others.

    Args:
        jobs: The parts of each job.
        work: Does one part, and reports its progress.
        on_progress: Called in this thread with what is done of all jobs.
        in_threads: Boolean. `False` does everything in this thread.

    Returns:
        The outcomes of the parts of each job.
    """
    parts = list(itertools.chain(*jobs))

    def show() -> None:
        done = (sum(part.done for part in job) / len(job) for job in jobs)
        on_progress(sum(done))

    if not in_threads:
        _go_through(parts, work, show)
    else:
        _in_threads(parts, work, show)
    return [[part.outcome for part in job] for job in jobs]


def _go_through(
    parts: Sequence[Part],
    work: Callable[[Part, OnProgress], Any],
    reported: Callable[[], None],
) -> None:
    for part in parts:

        def report(done: float, part: Part = part) -> None:
            part.done = done
            reported()

        report(0)
        part.outcome = work(part, report)


def _in_threads(
    parts: Sequence[Part],
    work: Callable[[Part, OnProgress], Any],
    show: Callable[[], None],
) -> None:
    abandoned = threading.Event()

    def stop_if_abandoned() -> None:
        if abandoned.is_set():
            raise _AbandonedError

    queues: dict[str, list[Part]] = {}
    for part in parts:
        queues.setdefault(part.device, []).append(part)
    executor = concurrent.futures.ThreadPoolExecutor(
        max(len(queues), 1), thread_name_prefix="keras_amto_device"
    )
    waits = True
    try:
        running = {
            executor.submit(_go_through, queue, work, stop_if_abandoned)
            for queue in queues.values()
        }
        while running:
            finished, running = concurrent.futures.wait(
                running,
                _SECONDS_BETWEEN_REPORTS,
                concurrent.futures.FIRST_COMPLETED,
            )
            for future in finished:
                future.result()
            show()
    except LostMachineError:
        waits = False  # for a thread that itself waits for a silent machine
        raise
    finally:
        # After an error, or an interruption of this thread, the others stop at
        # their next report, within about half a second.
        abandoned.set()
        executor.shutdown(wait=waits)
