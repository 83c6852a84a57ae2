"""Who descends from whom."""

import csv
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_path
from keras_amto.arguments import check_task
from keras_amto.ledger.records import Record
from keras_amto.ledger.records import check_records


class Network(NamedTuple):
    """A network from when it becomes a task's master until it is replaced.

    Attributes:
        id: Integer, counted from 0; the first M are the tasks' own.
        ancestor: Integer, the id of the donor's network that it started from,
            or `None`.
        task: Integer, whose master it is.
        origin_step: Integer, the step at which it became that.
        destruction_step: Integer, the step at which another replaced it, or
            `None` while it lives.
    """

    id: int
    ancestor: int | None
    task: int
    origin_step: int
    destruction_step: int | None


class Lineage:
    """The networks of a run and their descent.

    Args:
        records: The ledger's records, from the first round on.

    Attributes:
        networks: List of `Network`s, by id.
        living: List of integers, the id of each task's master.

    Raises:
        TypeError: if there is something else among the records.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.networks: list[Network] = []
        self.living: list[int] = []
        for record in check_records(records):
            self._add(record)

    def _add(self, record: Record) -> None:
        if not self.networks:
            self.living = list(range(len(record.accepted)))
            self.networks = [
                Network(task, None, task, 0, None) for task in self.living
            ]
        donors = record.donors
        if donors is None:
            return
        # Shadows started from the donors of before this round's decisions.
        before = list(self.living)
        for task in map(int, np.flatnonzero(record.accepted)):
            old, new = before[task], len(self.networks)
            self.networks[old] = self.networks[old]._replace(
                destruction_step=record.step
            )
            ancestor = before[int(donors[task])]
            self.networks.append(
                Network(new, ancestor, task, record.step, None)
            )
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
        while line[0].ancestor is not None:
            line.insert(0, self.networks[line[0].ancestor])
        return line

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the lineage in the ALife data standard's CSV.

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
            rows.writerow(
                ["id", "ancestor_list", "origin_time", "destruction_time",
                 "task"]
            )  # fmt: skip
            for each in self.networks:
                root = each.ancestor is None
                end = each.destruction_step
                rows.writerow(
                    [
                        each.id,
                        '["NONE"]' if root else f"[{each.ancestor}]",
                        each.origin_step,
                        "inf" if end is None else end,
                        each.task,
                    ]
                )
