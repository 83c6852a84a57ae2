"""Which task runs where: units laid over devices. Pure arithmetic."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

JOB = "worker"  # what a controller calls the servers of other machines


class Unit(NamedTuple):
    """The paper's computing unit (CU): where a master and its shadow train.

    Attributes:
        master: String, the device of the master.
        shadow: String, that of the shadow: another device, the same one, or
            `None` where there is no shadow.
    """

    master: str
    shadow: str | None


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
    """

    tasks: tuple[TaskPlacement, ...]

    @property
    def turns(self) -> int:
        """How many turns an execution takes: 1 if all tasks run at once."""
        return 1 + max(row.turn for row in self.tasks)

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that tasks run on, each once."""
        used = [
            device
            for row in self.tasks
            for device in (row.master, row.shadow)
            if device is not None
        ]
        return tuple(dict.fromkeys(used))

    def __str__(self) -> str:
        turns = f"{self.turns} {'turn' if self.turns == 1 else 'turns'}"
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

    Two devices make a unit, as in the paper; a device that is left over makes
    one alone and takes twice as long there. A unit takes the next task as soon
    as it would be through with those before, so that the last one ends as early
    as can be.

    Args:
        num_tasks: Integer, M, at least 1. With 1 there is no shadow.
        devices: The names of the devices, at least one, on one machine or on
            several. A unit never spans two machines.

    Returns:
        A `Placement`.

    Example:

    >>> place(3, ["GPU:0", "GPU:1", "GPU:2"])
    3 tasks, 2 turns
    task  turn  master  shadow
    0     0     GPU:0   GPU:1
    1     0     GPU:2   GPU:2
    2     1     GPU:0   GPU:1
    """
    units = _units(devices, has_shadow=num_tasks > 1)
    taken = [0] * len(units)
    shares = dict.fromkeys((machine(unit.master) for unit in units), 0)
    rows: list[TaskPlacement] = []
    for task in range(num_tasks):
        # The earliest end; of equal ends the fewest turns, then the machine
        # with the fewest tasks, then in order.
        *_, chosen = min(
            (
                (taken[i] + 1) * _replicas_at_once(unit),
                taken[i],
                shares[machine(unit.master)],
                i,
            )
            for i, unit in enumerate(units)
        )
        rows.append(TaskPlacement(task, *units[chosen], turn=taken[chosen]))
        taken[chosen] += 1
        shares[machine(units[chosen].master)] += 1
    return Placement(tuple(rows))


def machine(device: str) -> str:
    """Returns the part of a device's name that says on which machine it is.

    An empty string is this machine, whatever its devices are called.

    Example:

    >>> machine("/job:worker/replica:0/task:1/device:GPU:0")
    '/job:worker/replica:0/task:1'
    """
    where = device.rpartition("/device:")[0]
    return where if f"/job:{JOB}/" in where else ""


def _units(devices: Sequence[str], has_shadow: bool) -> list[Unit]:
    if not has_shadow:
        return [Unit(device, None) for device in devices]
    units = []
    for each in dict.fromkeys(map(machine, devices)):
        names = [device for device in devices if machine(device) == each]
        pairs = zip(names[::2], names[1::2], strict=False)
        units += [Unit(*pair) for pair in pairs]
        if len(names) % 2:
            units.append(Unit(names[-1], names[-1]))
    return units


def _replicas_at_once(unit: Unit) -> int:
    """How many replicas a unit's busier device trains at a time."""
    return 2 if unit.shadow == unit.master else 1
