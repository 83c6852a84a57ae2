"""How long does a round take on 1, 2, 4 and 8 devices?

Four tasks train the same rounds on each number of devices, in one process, some
rounds at a time in turns; the first are not timed, since graphs are traced in
them. Devices are the GPUs of this machine, as many as there are; without any,
parts of its CPU, which share its cores.

    python -m benchmarks.placement
    python -m benchmarks.placement --network mobilenet_v2 --steps 5 --rounds 2

With `--servers 2` the last row is of two servers, in processes of their own.
Each has its share of the cores, so that as many threads work as in one process:

    python -m benchmarks.placement --devices 2 --servers 2
"""

import argparse
import contextlib
import os
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import numpy.typing as npt
import psutil
import tensorflow as tf

import keras_amto
from benchmarks import replica_step
from tests.placement.machines import machines

NUM_TASKS = 4
BATCH_SIZE = 32

NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "mlp": replica_step.mlp,
    "cnn": replica_step.cnn,
    "mobilenet_v2": replica_step.mobilenet,
}
DATA: dict[str, Callable[[], tuple]] = {
    "mlp": replica_step.digits,
    "cnn": lambda: replica_step.digits(28),
    "mobilenet_v2": lambda: replica_step.digits(96, 3),
}


class Clock(keras_amto.callbacks.RoundCallback):
    """Times rounds from end to end, also in processor time.

    Args:
        processes: The numbers of all processes that work on a round.
    """

    def __init__(self, processes: Sequence[int]) -> None:
        super().__init__()
        self._processes = [psutil.Process(number) for number in processes]
        self.ends: list[tuple[float, float]] = []

    def on_round_end(self, round: int, record: object) -> None:
        used = [sum(each.cpu_times()[:2]) for each in self._processes]
        self.ends.append((time.perf_counter(), sum(used)))


class Way:
    """One way to place the tasks, which trains a few rounds at a time.

    Args:
        name: String, its first cell in the table.
        strategy: What says on which devices.
        servers: The numbers of processes that train for this one.
        options: Those of the command.
    """

    def __init__(
        self,
        name: str,
        strategy: Any,
        servers: Sequence[int],
        options: argparse.Namespace,
    ) -> None:
        self.name = name
        self._processes = [os.getpid(), *servers]
        self._data = DATA[options.network]()
        self._steps = options.steps
        self._times: list[npt.NDArray[np.float64]] = []
        keras.utils.set_random_seed(0)
        self.model = keras_amto.AMTOModel(
            NETWORKS[options.network](),
            NUM_TASKS,
            transfer_interval=options.steps,
            seed=0,
            strategy=strategy,
        )
        self.model.compile(
            "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
        )

    def warm_up(self) -> None:
        """Makes two steps, for which graphs are traced."""
        self._fit(2, Clock(self._processes))

    def train(self, rounds: int) -> None:
        """Trains one round, and some more, which are timed."""
        clock = Clock(self._processes)
        self._fit((rounds + 1) * self._steps, clock)
        self._times += list(np.diff(clock.ends, axis=0))

    def _fit(self, steps: int, clock: Clock) -> None:
        self.model.fit(
            *self._data,
            batch_size=BATCH_SIZE,
            epochs=steps,
            validation_freq=steps,
            verbose=0,
            callbacks=[
                keras_amto.AMTOCallback(patience=None, max_steps=steps),
                clock,
            ],
        )

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Medians of a round: milliseconds, and those of the processors."""
        return 1000 * np.median(self._times, axis=0)


def devices(most: int) -> tuple[str, list[str]]:
    """The kind and the names of the devices to place tasks on."""
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if gpus:
        return "GPU", gpus[:most]
    return "CPU", [f"CPU:{index}" for index in range(most)]


def split_cpu(count: int) -> None:
    """Makes the CPU appear as several devices, before it is first used."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * count
    )


def strategy_over(names: list[str]) -> tf.distribute.Strategy:
    """The strategy of some devices of this machine."""
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0])


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="cnn", choices=NETWORKS)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=50, help="a round")
    parser.add_argument("--rounds", type=int, default=5, help="of a turn")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--servers", type=int, default=0)
    options = parser.parse_args(arguments)
    if not tf.config.list_physical_devices("GPU"):
        split_cpu(max(options.devices))
    with contextlib.ExitStack() as stack:
        cluster, servers = None, []
        if options.servers:  # before anything else is made
            servers = stack.enter_context(
                machines(options.servers, divides_cores=True)
            )
            cluster = keras_amto.distribution.connect(
                [each.address for each in servers], use_controller=False
            )
        kind, names = devices(max(options.devices))
        ways = [
            Way(f"{count} {kind}", strategy_over(names[:count]), [], options)
            for count in options.devices
            if count <= len(names)
        ]
        if cluster is not None:
            numbers = [each.pid for each in servers]
            name = f"{options.servers} servers"
            ways.append(Way(name, cluster, numbers, options))
        for way in ways:
            way.warm_up()
        for _ in range(options.turns):
            for way in ways:
                way.train(options.rounds)
        lines = table(options, kind, ways)
    print("\n".join(lines))
    return lines


def table(
    options: argparse.Namespace, kind: str, ways: Sequence[Way]
) -> list[str]:
    """Returns the lines of the table."""
    lines = [
        f"{NUM_TASKS} tasks, {options.network}, rounds of {options.steps} "
        f"steps of {BATCH_SIZE} samples, {os.cpu_count()} cores on the host, "
        f"TensorFlow {tf.__version__}",
        "",
        "| devices | turns | ms a round, median | beside the first row "
        "| ms of processors | beside the first row |",
        "|---|---|---|---|---|---|",
    ]
    for way in ways:
        ms, processors = way.times
        ratio, of_processors = way.times / ways[0].times
        lines.append(
            f"| {way.name} | {way.model.placement.turns} | {ms:.0f} "
            f"| {ratio:.2f} | {processors:.0f} | {of_processors:.2f} |"
        )
    if kind == "CPU":
        lines += [
            "",
            "This machine has no GPU. Its devices are parts of one CPU and "
            "share its cores, so the table shows what placing tasks costs, "
            "and cannot show what it gains: neither how much shorter a round "
            "gets on devices of their own, nor what copying states and "
            "batches to a GPU takes.",
        ]
    return lines


if __name__ == "__main__":
    main()
