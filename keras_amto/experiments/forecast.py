"""`python -m keras_amto train --plan`: what a run takes, before it starts."""

import dataclasses
import math
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import RoundCallback
from keras_amto.experiments.job import Job
from keras_amto.experiments.job import prepare
from keras_amto.experiments.run_progress import spoken
from keras_amto.experiments.settings import RunSettings
from keras_amto.experiments.settings import check_given
from keras_amto.experiments.train import LOSS
from keras_amto.ledger import Record
from keras_amto.model import AMTOModel
from keras_amto.tasks import read_data

_STEPS = 5  # of a round that is measured
_ROUNDS = 4
#: An evaluation takes a third of a training step: it has no backward pass.
_EVALUATION = 1 / 3
_MEGABYTE = 2**20


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a few steps of one network have shown.

    Attributes:
        step_seconds: Float, of a training step of one network.
        reading_seconds: Float, of reading and decoding all images.
        images: Integer, the size of the gross set.
        data_bytes: Integer, its size.
        network_bytes: Integer, of weights and optimizer.
        process_bytes: Integer, what the process took at most.
    """

    step_seconds: float
    reading_seconds: float
    images: int
    data_bytes: int
    network_bytes: int
    process_bytes: int


def seconds_of(
    measured: Measured,
    num_tasks: int,
    steps: int,
    interval: int,
    batch_size: int,
    validation_split: float,
) -> float:
    """Returns how long a run takes, from reading to the winner.

    >>> measured = Measured(0.1, 0.0, 1000, 0, 0, 0)
    >>> round(seconds_of(measured, 1, 100, 50, 10, 0.1), 2)
    11.0
    """
    replicas = 1 if num_tasks == 1 else 2 * num_tasks
    validated = math.ceil(measured.images * validation_split)
    evaluation = _EVALUATION * measured.step_seconds / batch_size * validated
    rounds = math.ceil(steps / interval)
    training = replicas * (steps * measured.step_seconds + rounds * evaluation)
    return measured.reading_seconds + training + num_tasks**2 * evaluation


def steps_within(
    limit: float | None, seconds: float, reading_seconds: float, steps: int
) -> int:
    """Returns how many of a run's steps a time limit leaves, in `seconds`.

    >>> steps_within(150.0, 200.0, 100.0, 1000)
    500
    """
    if limit is None or seconds <= limit:
        return steps
    return max(
        0, int((limit - reading_seconds) * steps / (seconds - reading_seconds))
    )


def memory_of(measured: Measured, num_tasks: int) -> int:
    """Returns the bytes of a run: masters, shadows and best networks."""
    kept = num_tasks * (1 if num_tasks == 1 else 3)
    return measured.process_bytes + kept * measured.network_bytes


def forecast(
    data: str, given: Mapping[str, Any], **inputs: Any
) -> dict[str, Any]:
    """Measures a few steps, and says what a run takes.

    The arguments are those of `train`.

    Returns:
        All that is said.
    """
    check_given(given, RunSettings(**given))
    job = prepare(data, given, **inputs)
    settings, measured = job.settings, measure(job)
    everything = settings.method == "full"

    def row(num_tasks: int) -> dict[str, Any]:
        seconds = seconds_of(
            measured,
            num_tasks,
            settings.max_steps,
            settings.transfer_interval,
            settings.batch_size,
            0.0 if everything else settings.validation_split,
        )
        return {
            "num_tasks": num_tasks,
            "seconds": round(seconds, 1),
            "memory_bytes": memory_of(measured, num_tasks),
            "steps_in_time_limit": steps_within(
                settings.time_limit,
                seconds,
                measured.reading_seconds,
                settings.max_steps,
            ),
        }

    counts = [1] if everything else sorted({1, 2, 4, 8, settings.num_tasks})
    rows = [row(count) for count in counts]
    saved = 3 * measured.network_bytes  # `.keras`, and the SavedModel
    backups = 3 * 3 * settings.num_tasks * measured.network_bytes
    is_on_disk = measured.data_bytes > settings.memory_limit
    cache = measured.data_bytes if is_on_disk else 0
    # So that validations take no more than a tenth of the time.
    validated = math.ceil(measured.images * settings.validation_split)
    interval = math.ceil(10 * _EVALUATION * validated / settings.batch_size)
    found = {
        "step_seconds": measured.step_seconds,
        "runs": rows,
        "disk_bytes": saved + cache,
        "backup_bytes": backups,
        "least_transfer_interval": interval,
        "settings": dataclasses.asdict(settings),
    }
    _tell(found, settings.num_tasks, settings.max_steps, settings.time_limit)
    return found


def measure(job: Job) -> Measured:
    """Reads the images, and trains one network for a few steps."""
    settings = job.settings
    begin = time.perf_counter()
    images, _ = read_data(
        job.images,
        memory_limit=settings.memory_limit,
        cache_dir=settings.cache_dir,
    )
    reading = time.perf_counter() - begin
    few = images.sample(4 * settings.batch_size)
    model = AMTOModel(
        job.network, 1, _STEPS, validation_split=0.25, seed=settings.seed
    )
    model.compile(settings.make_optimizer(), LOSS, metrics=["accuracy"])
    clock, steps = _Clock(), _STEPS * _ROUNDS
    model.fit(
        few.x,
        few.y,
        batch_size=min(settings.batch_size, max(1, few.size // 2)),
        epochs=steps,
        validation_freq=steps,
        verbose=0,
        callbacks=[AMTOCallback(patience=None, max_steps=steps), clock],
    )
    # One batch is validated with.
    a_round = float(np.median(np.diff(clock.ends)))
    variables = [*model.best_model.weights, *model.optimizer.variables]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Measured(
        step_seconds=a_round / (_STEPS + _EVALUATION),
        reading_seconds=reading,
        images=images.size,
        data_bytes=images.num_bytes,
        network_bytes=sum(_bytes(variable) for variable in variables),
        process_bytes=peak * (1 if sys.platform == "darwin" else 1024),
    )


class _Clock(RoundCallback):
    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_round_end(self, round: int, record: Record) -> None:
        self.ends.append(time.perf_counter())


def _bytes(variable: keras.Variable) -> int:
    size = keras.backend.standardize_dtype(variable.dtype)
    return int(math.prod(variable.shape) * np.dtype(size).itemsize)


def _tell(
    found: Mapping[str, Any], num_tasks: int, steps: int, limit: float | None
) -> None:
    print(
        f"\nA training step of one network takes {found['step_seconds']:.3g} s."
    )
    for row in found["runs"]:
        text = (
            f"M = {row['num_tasks']}: about {spoken(row['seconds'])} and "
            f"{row['memory_bytes'] / _MEGABYTE:.0f} MB of memory for {steps} "
            "steps"
        )
        if limit is not None:
            made = row["steps_in_time_limit"]
            text += (
                f"; fits into {spoken(limit)}"
                if made >= steps
                else f"; {made} steps fit into {spoken(limit)}"
            )
        chosen = " (this run)" if row["num_tasks"] == num_tasks else ""
        print(f"{text}{chosen}")
    print(
        f"Disk: {found['disk_bytes'] / _MEGABYTE:.0f} MB, and with --backup up "
        f"to {found['backup_bytes'] / _MEGABYTE:.0f} MB more.\n"
        "Validations take less than a tenth of the time with a "
        f"--transfer-interval of {found['least_transfer_interval']} or more."
    )
