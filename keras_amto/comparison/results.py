"""Results, and the tables made of them."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_choice
from keras_amto.arguments import check_text
from keras_amto.paired import Difference
from keras_amto.paired import Summary
from keras_amto.paired import difference
from keras_amto.paired import p_text
from keras_amto.paired import summarise

REFERENCE = "sto"


@dataclasses.dataclass(frozen=True)
class Result:
    """One arm on one seed.

    Attributes:
        seed: Integer.
        test_accuracy: Float in [0, 1].
        test_loss: Float, the mean cross-entropy.
        validation_accuracy: Float in [0, 1], the figure that it was selected
            by, or `None` where nothing was selected.
        validation_loss: Float, likewise.
        training_steps: Integer, of all networks trained for it.
        seconds: Float, of training and selecting.
    """

    seed: int
    test_accuracy: float
    test_loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    training_steps: int
    seconds: float


class Row(NamedTuple):
    """An arm over all its seeds.

    Attributes:
        arm: String.
        test: Mean and standard error of the test accuracy.
        difference: The paired difference to `sto`, or `None` for `sto`.
        validation: Mean of the validation accuracy, or `None`.
        training_steps: Float, mean.
        seconds: Float, mean.
    """

    arm: str
    test: Summary
    difference: Difference | None
    validation: float | None
    training_steps: float
    seconds: float


class Comparison(Mapping[str, Mapping[int, Result]]):
    """The results of all arms: a mapping of arms to results by seed.

    Args:
        results: Results by seed, by arm.
    """

    def __init__(self, results: Mapping[str, Mapping[int, Result]]) -> None:
        self._results = {arm: dict(sorted(r.items()))
                         for arm, r in results.items()}  # fmt: skip

    def __getitem__(self, arm: str) -> Mapping[int, Result]:
        return self._results[arm]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def test_accuracies(self) -> dict[str, dict[int, float]]:
        """Test accuracy by seed, by arm, as `plots.comparison` takes it."""
        return {
            arm: {seed: each.test_accuracy for seed, each in results.items()}
            for arm, results in self.items()
        }

    def rows(self) -> list[Row]:
        """Returns a row for each arm that has a result."""
        scores = self.test_accuracies
        rows = []
        for arm, results in self.items():
            if not results:
                continue
            validation = [r.validation_accuracy for r in results.values()]
            known = [value for value in validation if value is not None]
            rows.append(
                Row(
                    arm,
                    summarise(scores[arm]),
                    None
                    if arm == REFERENCE or REFERENCE not in scores
                    else difference(scores[arm], scores[REFERENCE]),
                    float(np.mean(known)) if known else None,
                    float(
                        np.mean([r.training_steps for r in results.values()])
                    ),
                    float(np.mean([r.seconds for r in results.values()])),
                )
            )
        return rows

    def table(self) -> str:
        """Returns the rows as a Markdown table."""
        lines = [
            "| arm | seeds | test accuracy, % | standard error | less sto | "
            "95 % t interval | p | verdict | validation accuracy, % | "
            "training steps | seconds |",
            "|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|",
        ]
        for row in self.rows():
            cells = [
                row.arm,
                str(row.test.seeds),
                _percent(row.test.mean),
                _percent(row.test.standard_error),
                *_difference(row.difference),
                _percent(row.validation),
                f"{row.training_steps:.0f}",
                f"{row.seconds:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def table_of_one(self, arm: str = "amto") -> str:
        """Returns what an arm has over each other one as a Markdown table.

        Args:
            arm: String, an arm that has results. Defaults to `"amto"`.

        Raises:
            TypeError: if it is not a string.
            ValueError: if it has no results.
        """
        scores = self.test_accuracies
        known = [name for name, by_seed in scores.items() if by_seed]
        check_text("arm", arm, f"one of {known}")
        check_choice("arm", arm, known)
        lines = [
            f"| {arm} less | seeds | mean, points | 95 % t interval | p | "
            "verdict | training steps of both |",
            "|---|---:|---:|---:|---:|---|---:|",
        ]
        rows = {row.arm: row for row in self.rows()}
        for other, row in rows.items():
            if other == arm:
                continue
            found = difference(scores[arm], scores[other])
            cells = [
                other,
                str(found.seeds),
                *_difference(found),
                f"{rows[arm].training_steps:.0f} and {row.training_steps:.0f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def table_of_selection(self) -> str:
        """Returns by what was selected beside test figures, as Markdown.

        Arms that select nothing are left out. How far validation is from test
        shows what selection and leakage do to it.
        """
        lines = [
            "| arm | validation accuracy, % | test accuracy, % | "
            "validation loss | test loss |",
            "|---|---:|---:|---:|---:|",
        ]
        for arm, results in self.items():
            figures = [
                (
                    100 * r.validation_accuracy,
                    100 * r.test_accuracy,
                    r.validation_loss,
                    r.test_loss,
                )
                for r in results.values()
                if r.validation_accuracy is not None
                and r.validation_loss is not None
            ]
            if figures:
                accuracy, test, loss, test_loss = np.mean(figures, axis=0)
                lines.append(
                    f"| {arm} | {accuracy:.2f} | {test:.2f} | "
                    f"{loss:.4f} | {test_loss:.4f} |"
                )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def to_csv(self) -> str:
        """Returns every run as a line of CSV."""
        file = io.StringIO()
        names = [field.name for field in dataclasses.fields(Result)]
        writer = csv.DictWriter(file, ["arm", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._plain())
        return file.getvalue()

    def to_json(self) -> str:
        """Returns every run as an object in a JSON array."""
        return json.dumps(self._plain(), indent=1) + "\n"

    def _plain(self) -> list[dict[str, Any]]:
        return [
            {"arm": arm, **dataclasses.asdict(result)}
            for arm, results in self.items()
            for result in results.values()
        ]


def _percent(value: float | None, sign: str = "") -> str:
    if value is None or not np.isfinite(value):
        return "-"
    return f"{100 * value:{sign}.2f}"


def _difference(found: Difference | None) -> list[str]:
    """Mean, interval, p-value and verdict; there is none of few seeds."""
    if found is None or not found.seeds:
        return ["-"] * 4
    low, high = _percent(found.low, "+"), _percent(found.high, "+")
    interval = "-" if "-" in (low, high) else f"{low} to {high}"
    return [
        _percent(found.mean, "+"),
        interval,
        p_text(found.p),
        found.verdict or "-",
    ]
