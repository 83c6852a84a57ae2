"""How many bytes does a round send, from where to where?

Four tasks train on two TensorFlow servers, which are processes of this machine;
the script only controls. After each round `ss` of iproute2 says how much every
TCP connection between the three has carried. Beside it stands what the formulas
of docs/placement.md make of the donors that were drawn.

    python -m benchmarks.traffic
    python -m benchmarks.traffic --units 4096 --rounds 12
"""

import argparse
import collections
import itertools
import os
import re
import subprocess
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_amto
from benchmarks import replica_step
from keras_amto.distribution import machine
from tests.placement.machines import machines

NUM_TASKS = 4
STEPS = 4
CONTROLLER = "controller"

Sent = collections.Counter[tuple[str, str]]


def sent(names: dict[int, str]) -> Sent:
    """What each process has sent to each other one, in bytes.

    Args:
        names: What processes are called, by number.
    """
    table = subprocess.run(
        ["ss", "-tinpOH"], check=True, capture_output=True, text=True
    ).stdout
    owners, amounts = {}, {}
    for line in table.splitlines():
        here, there = re.findall(r"\S+:\d+", line)[:2]
        process = re.search(r"pid=(\d+)", line)
        amount = re.search(r"bytes_sent:(\d+)", line)
        if process is not None:
            owners[here] = names.get(int(process[1]))
            amounts[here, there] = int(amount[1]) if amount is not None else 0
    total: Sent = collections.Counter()
    for (here, there), amount in amounts.items():
        sender, receiver = owners[here], owners.get(there)
        if sender is not None and receiver is not None:
            total[sender, receiver] += amount
    return total


class Meter(keras_amto.callbacks.RoundCallback):
    """Reads what was sent by the end of each round."""

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self._names = names
        self.readings: list[Sent] = []

    def on_round_end(self, round: int, record: object) -> None:
        self.readings.append(sent(self._names))


def crossing(
    model: keras_amto.AMTOModel, names: dict[str, str], keep_copies: bool
) -> Sent:
    """How many states cross by the formulas, in all rounds but the first."""
    where = [names[machine(row.master)] for row in model.placement.tasks]
    states: Sent = collections.Counter()
    for record in model.ledger[1:]:
        # A donor crosses once for all tasks of a machine.
        donors = {
            (where[donor], where[task], donor)
            for task, donor in enumerate(record.donors)
            if where[donor] != where[task]
        }
        states.update((sender, receiver) for sender, receiver, _ in donors)
        if keep_copies:
            states.update((each, CONTROLLER) for each in where)
        # The champion, for the callback that follows rounds.
        losses = np.where(
            record.accepted, record.shadow_losses, record.master_losses
        )
        states[where[int(np.argmin(losses))], CONTROLLER] += 1
    return states


def measure(
    units: int,
    rounds: int,
    cluster: Any,
    processes: dict[int, str],
    names: dict[str, str],
) -> list[str]:
    """Trains, and returns the rows of the table."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(units // 4, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model = keras_amto.AMTOModel(
        network, NUM_TASKS, transfer_interval=STEPS, seed=0, strategy=cluster
    )
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    meter = Meter(processes)
    model.fit(
        *replica_step.digits(),
        steps_per_epoch=rounds * STEPS,
        verbose=0,
        callbacks=[meter],
    )
    total = meter.readings[-1] - meter.readings[0]
    states = crossing(model, names, cluster.keep_copies)
    size = 4 * network.count_params() / 1e6
    kept = "yes" if cluster.keep_copies else "no"
    pairs = itertools.permutations(processes.values(), 2)
    return [
        f"| {kept} | {sender} | {receiver} | {states[sender, receiver]} "
        f"| {states[sender, receiver] * size:.2f} "
        f"| {total[sender, receiver] / 1e6:.2f} |"
        for sender, receiver in sorted(pairs)
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=2048, help="hidden ones")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    with machines(2) as servers:
        cluster = keras_amto.distribution.connect(
            [each.address for each in servers], use_controller=False
        )
        processes = {each.pid: f"server {i}" for i, each in enumerate(servers)}
        names = dict(
            zip(map(machine, cluster.devices), processes.values(), strict=True)
        )
        processes[os.getpid()] = CONTROLLER
        lines = [
            f"{NUM_TASKS} tasks, {options.rounds - 1} rounds after the first, "
            f"of {STEPS} steps",
            "",
            "| copies kept | from | to | states that cross | MB of them "
            "| MB sent |",
            "|---|---|---|---|---|---|",
        ]
        for cluster.keep_copies in (True, False):
            lines += measure(
                options.units, options.rounds, cluster, processes, names
            )
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
