"""Which task runs where: units laid over devices. Pure arithmetic."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

HOST = "CPU:0"
JOB = "worker"  # what a controller calls the servers of other machines

_Unit = tuple[str, str | None]  # the devices of a master and of its shadow


class TaskPlacement(NamedTuple):
    """Where and when a task runs.

    Attributes:
        task: Integer, m.
        master: String, the device of its master.
        shadow: String, the device of its shadow, `None` where there is none.
        turn: Integer, from 0: how many tasks its unit trains before it, in
            every execution.
    """

    task: int
    master: str
    shadow: str | None
    turn: int


@dataclasses.dataclass(frozen=True)
class Placement:
    """Which task runs where.

    Attributes:
        tasks: A `TaskPlacement` for each task.

    Example:

    ```python
    print(model.placement)
    print(model.placement.devices, model.placement.turns)
    ```
    """

    tasks: tuple[TaskPlacement, ...]

    @property
    def turns(self) -> int:
        """How many turns an execution takes: 1 if all tasks run at once."""
        return 1 + max(row.turn for row in self.tasks)

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that tasks run on, each once."""
        pairs = [(row.master, row.shadow) for row in self.tasks]
        used = filter(None, itertools.chain(*pairs))
        return tuple(dict.fromkeys(used))

    def __str__(self) -> str:
        turns = "1 turn" if self.turns == 1 else f"{self.turns} turns"
        table = [["task", "turn", "master", "shadow"]]
        for row in self.tasks:
            names = [row.master, row.shadow or "-"]
            table.append([str(row.task), str(row.turn), *names])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table
        ]
        return "\n".join([f"{len(self.tasks)} tasks, {turns}", *lines])

    __repr__ = __str__


def place(num_tasks: int, devices: Sequence[str]) -> Placement:
    """Spreads tasks over units, and units over devices.

    Two devices of one machine make a unit, the paper's CU: the master of a task
    trains on one and its shadow on the other. A device that is left over makes
    one alone and takes twice as long there. A unit takes the next task as soon
    as it would be through with those before.

    >>> place(3, ["GPU:0", "GPU:1", "GPU:2"])
    3 tasks, 2 turns
    task  turn  master  shadow
    0     0     GPU:0   GPU:1
    1     0     GPU:2   GPU:2
    2     1     GPU:0   GPU:1
    """
    units = _units(devices, has_shadow=num_tasks > 1)
    turns: Counter[_Unit] = Counter()
    shares: Counter[str] = Counter()  # of machines

    def order(unit: _Unit) -> tuple[int, int, int]:
        """By the earliest end, the fewest turns, and the fewest tasks."""
        master, shadow = unit
        replicas = 2 if shadow == master else 1  # that train at a time
        end = replicas * (turns[unit] + 1)
        return end, turns[unit], shares[machine(master)]

    rows = []
    for task in range(num_tasks):
        unit = min(units, key=order)
        rows.append(TaskPlacement(task, *unit, turn=turns[unit]))
        turns[unit] += 1
        shares[machine(unit[0])] += 1
    return Placement(tuple(rows))


def divide(num_tasks: int, devices: Sequence[str]) -> Placement:
    """Lays 2M replicas over devices, as many on each, in their order.

    As many devices are used as divide the number of replicas. Those on one
    device are trained in turns or, where they are vectorised, all at once.

    >>> divide(3, ["cuda:0", "cuda:1", "cuda:2", "cuda:3"])
    3 tasks, 1 turn
    task  turn  master  shadow
    0     0     cuda:0  cuda:0
    1     0     cuda:1  cuda:1
    2     0     cuda:2  cuda:2
    """
    has_shadow = num_tasks > 1
    replicas = num_tasks * (1 + has_shadow)
    counts = range(min(len(devices), replicas), 0, -1)
    each = replicas // next(n for n in counts if replicas % n == 0)
    names = [devices[number // each] for number in range(replicas)]
    masters = names[:: 1 + has_shadow]
    shadows = names[1::2] if has_shadow else [None]
    turns: Counter[str] = Counter()
    rows = []
    for task, (master, shadow) in enumerate(zip(masters, shadows, strict=True)):
        rows.append(TaskPlacement(task, master, shadow, turns[master]))
        turns[master] += 1
    return Placement(tuple(rows))


def machine(device: str) -> str:
    """The part of a device's name that says on which machine it is.

    An empty string is this machine, whatever its devices are called.

    >>> machine("/job:worker/replica:0/task:1/device:GPU:0")
    '/job:worker/replica:0/task:1'
    """
    where = device.rpartition("/device:")[0]
    return where if f"/job:{JOB}/" in where else ""


def host_of(device: str) -> str:
    """Returns the CPU of the machine on which a device is."""
    where = machine(device)
    return f"{where}/device:{HOST}" if where else HOST


def is_accelerator(device: str) -> bool:
    """Says whether a device has a memory of its own."""
    return not device.split("/")[-1].removeprefix("device:").startswith("CPU")


def _units(devices: Sequence[str], has_shadow: bool) -> list[_Unit]:
    if not has_shadow:
        return [(device, None) for device in devices]
    units: list[_Unit] = []
    for each in dict.fromkeys(map(machine, devices)):
        names = [device for device in devices if machine(device) == each]
        units += zip(names[::2], names[1::2], strict=False)
        if len(names) % 2:
            units.append((names[-1], names[-1]))
    return units
