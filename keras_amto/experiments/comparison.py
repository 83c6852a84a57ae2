"""The results of a comparison, as tables, CSV and JSON."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_amto.arguments import check_choice
from keras_amto.arguments import check_text
from keras_amto.experiments.results import Result
from keras_amto.statistics import Difference
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import summarise

REFERENCE = "sto"

_LEAD = ("95 % t interval", "p", "verdict")
_TITLES = (
    "arm", "seeds", "test accuracy, %", "standard error", "less sto", *_LEAD,
    "validation accuracy, %", "training steps", "seconds",
    "seconds on 2M devices, counted",
)  # fmt: skip
_TITLES_OF_ONE = ("seeds", "mean, points", *_LEAD, "training steps of both")
_TITLES_OF_SELECTION = (
    "arm", "validation accuracy, %", "test accuracy, %", "validation loss",
    "test loss",
)  # fmt: skip


class Comparison(Mapping[str, Mapping[int, Result]]):
    """The results of all arms: a mapping of arms to results by seed.

    `keras_amto.compare` returns it. Printed, it is the table.

    Args:
        results: Results by seed, by arm. An arm without results is left out.

    Example:

    ```python
    comparison = keras_amto.compare(
        make_network, x, y, "results", train_size=1000, arms=["sto", "full"]
    )
    print(comparison)
    for seed, result in comparison["full"].items():
        print(seed, result.test_accuracy, result.training_steps)
    keras_amto.plots.comparison(comparison.test_accuracies)
    ```
    """

    def __init__(self, results: Mapping[str, Mapping[int, Result]]) -> None:
        self._results = {
            arm: dict(sorted(by_seed.items()))
            for arm, by_seed in results.items()
            if by_seed
        }

    def __getitem__(self, arm: str) -> Mapping[int, Result]:
        return self._results[arm]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __str__(self) -> str:
        return self.table()

    @property
    def test_accuracies(self) -> dict[str, dict[int, float]]:
        """Test accuracy by seed, by arm, as `plots.comparison` takes it."""
        return {
            arm: {seed: each.test_accuracy for seed, each in results.items()}
            for arm, results in self.items()
        }

    def table(self) -> str:
        """Returns a Markdown table with a row for each arm."""
        scores = self.test_accuracies
        rows = []
        for arm in self:
            test = summarise(scores[arm])
            lead = difference(scores[arm], scores.get(REFERENCE, {}))
            rows.append(
                [
                    arm,
                    str(test.seeds),
                    _percent(test.mean),
                    _percent(test.standard_error),
                    *("----" if arm == REFERENCE else _cells(lead)),
                    self._mean(arm, "validation_accuracy"),
                    self._mean(arm, "training_steps", 0),
                    self._mean(arm, "seconds", 1),
                    self._mean(arm, "parallel_seconds", 1),
                ]
            )
        return _markdown(_TITLES, rows)

    def table_of_one(self, arm: str = "amto") -> str:
        """Returns what an arm has over each other one as a Markdown table.

        Args:
            arm: String, an arm that has results. Defaults to `"amto"`.

        Raises:
            TypeError: if it is not a string.
            ValueError: if it has no results.
        """
        check_text("arm", arm, f"one of {list(self)}")
        check_choice("arm", arm, list(self))
        scores = self.test_accuracies
        steps = {each: self._mean(each, "training_steps", 0) for each in self}
        rows = []
        for other in self:
            if other != arm:
                lead = difference(scores[arm], scores[other])
                both = f"{steps[arm]} and {steps[other]}"
                rows.append([other, str(lead.seeds), *_cells(lead), both])
        return _markdown((f"{arm} less", *_TITLES_OF_ONE), rows)

    def table_of_selection(self) -> str:
        """Returns the figures of selection beside the test's, as Markdown.

        Arms that select nothing are left out. How far validation is from test
        shows the effect of selection and leakage.
        """
        rows = [
            [
                arm,
                self._mean(arm, "validation_accuracy"),
                self._mean(arm, "test_accuracy"),
                self._mean(arm, "validation_loss", 4),
                self._mean(arm, "test_loss", 4),
            ]
            for arm in self
        ]
        selecting = [row for row in rows if row[1] != "-"]
        return _markdown(_TITLES_OF_SELECTION, selecting)

    def to_csv(self) -> str:
        """Returns every run as a line of CSV."""
        file = io.StringIO()
        names = [field.name for field in dataclasses.fields(Result)]
        writer = csv.DictWriter(file, ["arm", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._records())
        return file.getvalue()

    def to_json(self) -> str:
        """Returns every run as an object in a JSON array."""
        return json.dumps(self._records(), indent=1) + "\n"

    def _records(self) -> list[dict[str, Any]]:
        return [
            {"arm": arm, **dataclasses.asdict(result)}
            for arm, results in self.items()
            for result in results.values()
        ]

    def _mean(self, arm: str, figure: str, decimals: int = 2) -> str:
        """The mean of a figure over the seeds; `-` if it is not known."""
        values = [getattr(result, figure) for result in self[arm].values()]
        known = [value for value in values if value is not None]
        scale = 100 if figure.endswith("accuracy") else 1  # percent
        return f"{scale * np.mean(known):.{decimals}f}" if known else "-"


def _markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    texts = (titles[0], "verdict")  # left-aligned
    marks = ["---" if title in texts else "---:" for title in titles]
    head, *body = (f"| {' | '.join(row)} |" for row in (titles, *rows))
    return "\n".join([head, f"|{'|'.join(marks)}|", *body])


def _percent(value: float, sign: str = "") -> str:
    return f"{100 * value:{sign}.2f}" if np.isfinite(value) else "-"


def _cells(lead: Difference) -> list[str]:
    """Mean, interval, p-value and verdict."""
    low, high = _percent(lead.low, "+"), _percent(lead.high, "+")
    interval = "-" if "-" in (low, high) else f"{low} to {high}"
    mean = _percent(lead.mean, "+")
    return [mean, interval, p_text(lead.p), lead.verdict or "-"]
