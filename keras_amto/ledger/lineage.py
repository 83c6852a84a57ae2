"""Who descends from whom."""

import csv
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_path
from keras_amto.arguments import check_task
from keras_amto.ledger.ledger import Ledger
from keras_amto.ledger.record import Record


class Network(NamedTuple):
    """A network, from when it becomes a task's master until it is replaced."""

    id: int  # counted from 0; the first M are the tasks' own
    ancestor: int | None  # the id of the donor's network that it started from
    task: int  # whose master it is
    origin_step: int  # when it became the master
    destruction_step: int | None  # when another replaced it


class Lineage:
    """The networks of a run and their descent.

    Args:
        records: The ledger's records, from the first round on.

    Attributes:
        networks: List of `Network`s, by id.
        living: List of integers, the id of each task's master.

    Raises:
        TypeError: if it is not an iterable of records.

    Example:

    ```python
    lineage = keras_amto.ledger.Lineage(model.ledger)
    print([network.task for network in lineage.ancestry(model.best_task)])
    lineage.save("lineage.csv")
    ```
    """

    def __init__(self, records: Iterable[Record]) -> None:
        ledger = Ledger(records)
        self.living = list(range(len(ledger[0].accepted) if ledger else 0))
        self.networks = [Network(m, None, m, 0, None) for m in self.living]
        for record in ledger:
            if record.donors is None:
                continue
            # Shadows started from the masters of before this round's decisions.
            before = list(self.living)
            for task in map(int, np.flatnonzero(record.accepted)):
                self._replace(task, before[record.donors[task]], record.step)

    def _replace(self, task: int, ancestor: int, step: int) -> None:
        old, new = self.living[task], len(self.networks)
        self.networks[old] = self.networks[old]._replace(destruction_step=step)
        self.networks.append(Network(new, ancestor, task, step, None))
        self.living[task] = new

    def ancestry(self, task: int) -> list[Network]:
        """Returns a task's master and its ancestors, the oldest first.

        Args:
            task: Integer, m.

        Raises:
            TypeError: if it is not an integer.
            ValueError: if there is no such task.
        """
        task = check_task("task", task, len(self.living))
        line = [self.networks[self.living[task]]]
        while line[-1].ancestor is not None:
            line.append(self.networks[line[-1].ancestor])
        return line[::-1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the lineage as CSV, by the ALife data standard.

        The columns are `id`, `ancestor_list` (`["NONE"]` for a first network),
        `origin_time` and `destruction_time` (`inf` for one that lives), both
        in training steps, and `task`.

        Args:
            path: Where to write.

        Raises:
            TypeError: if it is not a path.
            ValueError: if it is empty.
        """
        path = check_path("path", path)
        with open(path, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            columns = "id ancestor_list origin_time destruction_time task"
            rows.writerow(columns.split())
            for number, ancestor, task, origin, end in self.networks:
                parents = '["NONE"]' if ancestor is None else f"[{ancestor}]"
                destruction = "inf" if end is None else end
                rows.writerow([number, parents, origin, destruction, task])
