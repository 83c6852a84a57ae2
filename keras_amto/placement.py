"""Which task runs where: units laid over devices. Pure arithmetic."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple


class Unit(NamedTuple):
    """The paper's computing unit: where a master and its shadow train.

    Attributes:
        worker: Integer, the worker process whose devices they are.
        master: String, the device of the master.
        shadow: String, that of the shadow: another device, the same one, or
            `None` where there is no shadow.
    """

    worker: int
    master: str
    shadow: str | None


class TaskPlacement(NamedTuple):
    """Where and when a task runs.

    Attributes:
        task: Integer, m.
        worker: Integer, the worker process that trains it.
        master: String, the device of its master.
        shadow: String, the device of its shadow, `None` where there is none.
        turn: Integer, from 0: how many tasks its unit trains before it, in
            every execution.
    """

    task: int
    worker: int
    master: str
    shadow: str | None
    turn: int


@dataclasses.dataclass(frozen=True)
class Placement:
    """Which task runs where.

    Attributes:
        tasks: A `TaskPlacement` for each task.
        worker: Integer, this worker process.
        num_workers: Integer, how many worker processes there are.
        spare: String, the first device of this process, be it idle.
    """

    tasks: tuple[TaskPlacement, ...]
    worker: int
    num_workers: int
    spare: str

    @property
    def turns(self) -> int:
        """How many turns an execution takes: 1 if all tasks run at once."""
        return 1 + max(row.turn for row in self.tasks)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.worker == 0

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices of this process that tasks run on, each once.

        At least one: with less tasks than processes some have none to train,
        but an engine wants a device.
        """
        used = [
            device
            for row in self.tasks
            if row.worker == self.worker
            for device in (row.master, row.shadow)
            if device is not None
        ]
        return tuple(dict.fromkeys(used)) or (self.spare,)

    def tasks_of(self, worker: int) -> tuple[int, ...]:
        """The tasks that a worker process trains, ascending."""
        return tuple(row.task for row in self.tasks if row.worker == worker)

    def __str__(self) -> str:
        several = self.num_workers > 1
        lines = [
            f"{len(self.tasks)} tasks, {self.turns} "
            f"{'turn' if self.turns == 1 else 'turns'}"
            + (f", worker {self.worker} of {self.num_workers}" * several)
        ]
        names = ["task", "turn", "master", "shadow"]
        table = [["worker", *names] if several else names]
        for row in self.tasks:
            cells = [str(row.task), str(row.turn), row.master]
            cells.append(row.shadow or "-")
            table.append([str(row.worker), *cells] if several else cells)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for cells in table:
            padded = map(str.ljust, cells, widths)
            lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    __repr__ = __str__


def place(
    num_tasks: int, devices: Sequence[Sequence[str]], worker: int = 0
) -> Placement:
    """Spreads tasks over units, and units over devices.

    Two devices make a unit, as in the paper; a device that is left over makes
    one alone and takes twice as long there. A unit takes the next task as soon
    as it would be through with those before, so that the last one ends as early
    as can be.

    Args:
        num_tasks: Integer, M, at least 1. With 1 there is no shadow.
        devices: The names of the devices of each worker process, at least one
            in all.
        worker: Integer, this process. Defaults to `0`.

    Returns:
        A `Placement`.

    Example:

    >>> place(3, [["GPU:0", "GPU:1", "GPU:2"]])
    3 tasks, 2 turns
    task  turn  master  shadow
    0     0     GPU:0   GPU:1
    1     0     GPU:2   GPU:2
    2     1     GPU:0   GPU:1
    """
    units = [
        unit
        for number, names in enumerate(devices)
        for unit in _units(number, names, has_shadow=num_tasks > 1)
    ]
    taken = [0] * len(units)
    rows: list[TaskPlacement] = []
    for task in range(num_tasks):
        # The earliest end; of equal ends the fewest turns, then the worker
        # process with the fewest tasks, then in order.
        *_, chosen = min(
            (
                (taken[i] + 1) * _replicas_at_once(unit),
                taken[i],
                sum(row.worker == unit.worker for row in rows),
                i,
            )
            for i, unit in enumerate(units)
        )
        rows.append(TaskPlacement(task, *units[chosen], turn=taken[chosen]))
        taken[chosen] += 1
    return Placement(tuple(rows), worker, len(devices), devices[worker][0])


def _units(worker: int, devices: Sequence[str], has_shadow: bool) -> list[Unit]:
    if not has_shadow:
        return [Unit(worker, device, None) for device in devices]
    pairs = zip(devices[::2], devices[1::2], strict=False)
    units = [Unit(worker, *pair) for pair in pairs]
    if len(devices) % 2:
        units.append(Unit(worker, devices[-1], devices[-1]))
    return units


def _replicas_at_once(unit: Unit) -> int:
    """How many replicas a unit's busier device trains at a time."""
    return 2 if unit.shadow == unit.master else 1
