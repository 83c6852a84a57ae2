"""Several devices of one process, working at the same time."""

import concurrent.futures
import dataclasses
import itertools
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_amto.distribution import LostMachineError
from keras_amto.engines.device import Device
from keras_amto.engines.records import OnProgress

_SECONDS_BETWEEN_REPORTS = 0.1


@dataclasses.dataclass(eq=False)
class Part:
    """What one device does of a job, and what came of it."""

    device: Device
    job: Any  # with the replicas that the device takes
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
    """Does the parts of jobs, and returns what they gave.

    Each device has a thread of its own, or all are in this one. TensorFlow lets
    go of Python's lock while a graph runs, so devices work at the same time,
    and none waits for others before its next part. Progress is reported in this
    thread.
    """

    def show() -> None:
        done = (sum(part.done for part in job) / len(job) for job in jobs)
        on_progress(sum(done))

    go_through = _in_threads if in_threads else _go_through
    go_through(list(itertools.chain(*jobs)), work, show)
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

    queues: dict[Device, list[Part]] = {}
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
