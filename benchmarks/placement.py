"""How long does a round take on 1, 2, 4 and 8 devices?

Four tasks train the same rounds on each number of devices, in one process, the
first rounds untimed, since graphs are traced in them. Devices are the GPUs of
this machine, as many as there are; without any, parts of its CPU, which share
its cores.

    python -m benchmarks.placement
    python -m benchmarks.placement --network mobilenet_v2 --steps 5 --rounds 2

With `--servers 2` the last row is of two servers, in processes of their own:

    python -m benchmarks.placement --devices 2 --servers 2
"""

import argparse
import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_amto
from benchmarks import replica_step
from tests.placement.machines import machines

NUM_TASKS = 4
BATCH_SIZE = 32
UNTIMED = 2

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
    """Times rounds from end to end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_round_end(self, round: int, record: object) -> None:
        self.ends.append(time.perf_counter())


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


def measure(
    network: str, strategy: Any, steps: int, rounds: int
) -> tuple[float, int]:
    """Returns the median milliseconds of a round, and the turns it takes."""
    keras.utils.set_random_seed(0)
    x, y = DATA[network]()
    model = keras_amto.AMTOModel(
        NETWORKS[network](),
        NUM_TASKS,
        transfer_interval=steps,
        seed=0,
        strategy=strategy,
    )
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    clock = Clock()
    model.fit(
        x,
        y,
        batch_size=BATCH_SIZE,
        epochs=(rounds + UNTIMED) * steps,
        validation_freq=(rounds + UNTIMED) * steps,
        verbose=0,
        callbacks=[
            keras_amto.AMTOCallback(
                patience=None, max_steps=(rounds + UNTIMED) * steps
            ),
            clock,
        ],
    )
    times = np.diff(clock.ends)[UNTIMED - 1 :]
    return 1000 * float(np.median(times)), model.placement.turns


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="cnn", choices=NETWORKS)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=50, help="a round")
    parser.add_argument("--rounds", type=int, default=5, help="timed")
    parser.add_argument("--servers", type=int, default=0)
    options = parser.parse_args(arguments)
    if not tf.config.list_physical_devices("GPU"):
        split_cpu(max(options.devices))
    with contextlib.ExitStack() as stack:
        cluster = None
        if options.servers:  # before anything else is made
            servers = stack.enter_context(machines(options.servers))
            cluster = keras_amto.distribution.connect(
                [each.address for each in servers], use_controller=False
            )
        lines = table(options, cluster)
    print("\n".join(lines))
    return lines


def table(options: argparse.Namespace, cluster: Any) -> list[str]:
    """Measures, and returns the lines of the table."""
    kind, names = devices(max(options.devices))
    lines = [
        f"{NUM_TASKS} tasks, {options.network}, rounds of {options.steps} "
        f"steps of {BATCH_SIZE} samples, {os.cpu_count()} cores on the host, "
        f"TensorFlow {tf.__version__}",
        "",
        "| devices | turns | ms a round, median | beside the first row |",
        "|---|---|---|---|",
    ]
    first = None
    for count in options.devices:
        if count > len(names):
            lines.append(f"| {count} {kind} | - | not on this machine | - |")
            continue
        round_time, turns = measure(
            options.network,
            strategy_over(names[:count]),
            options.steps,
            options.rounds,
        )
        first = first or round_time
        lines.append(
            f"| {count} {kind} | {turns} | {round_time:.0f} "
            f"| {round_time / first:.2f} |"
        )
    if cluster is not None:
        round_time, turns = measure(
            options.network, cluster, options.steps, options.rounds
        )
        lines.append(
            f"| {options.servers} servers | {turns} | {round_time:.0f} "
            f"| {round_time / (first or round_time):.2f} |"
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
