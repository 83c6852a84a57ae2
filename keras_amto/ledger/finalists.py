"""The final table, from which the winner was chosen."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type

FloatArray = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Finalists:
    """The table from which the winner was chosen.

    Attributes:
        winner: Integer, the task whose network won.
        criterion: What decided: `"harmonic_accuracy"` (eq. 7),
            `"validation_loss"` where there is no accuracy, or `"clean"` where
            there is a holdout or `validation_data`.
        metric: String, the metric of the accuracies, or `None`.
        losses: Float array of shape `(M, M)`: loss of network i on the
            validation set of task k.
        accuracies: Float array of shape `(M, M)`, likewise, or `None`.
        harmonic_accuracies: Float array of shape `(M,)`, A_har of network i, or
            `None`.
        clean_losses: Float array of shape `(M,)`: loss of network i on the
            clean set, or `None` where there is none.
        clean_accuracies: Float array of shape `(M,)`, likewise, or `None`.
    """

    winner: int
    criterion: str
    metric: str | None
    losses: FloatArray
    accuracies: FloatArray | None
    harmonic_accuracies: FloatArray | None
    clean_losses: FloatArray | None
    clean_accuracies: FloatArray | None

    def to_json(self) -> str:
        """Returns the table as strict JSON; a value that is not a number, which
        JSON lacks, becomes the string `"nan"`, `"inf"` or `"-inf"`."""
        values = {
            field.name: _plain(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Finalists":
        """Reads what `to_json` wrote.

        Raises:
            TypeError: if `text` is not a string.
            ValueError: if it is not such a table.
        """
        expected = "JSON from `Finalists.to_json`"
        if not isinstance(text, str):
            raise wrong_type("text", text, "a string", expected)
        try:
            values = json.loads(text)
            arrays = {
                field.name: np.asarray(values[field.name], np.float64)
                for field in dataclasses.fields(cls)
                if isinstance(values[field.name], list)
            }
            return cls(**(values | arrays))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"`text` is not a table of finalists: {error!r}. "
                f"Received: text={text[:80]!r}. Expected: {expected}."
            ) from error

    def __str__(self) -> str:
        columns: list[tuple[str, FloatArray]] = []
        table = self.losses if self.accuracies is None else self.accuracies
        for task in range(len(table)):
            columns.append((f"set {task}", table[:, task]))
        for title, values in (
            ("harmonic", self.harmonic_accuracies),
            ("clean", self.clean_accuracies),
            ("clean loss", self.clean_losses),
        ):
            if values is not None:
                columns.append((title, values))
        lines = [
            f"{self.metric or 'loss'} of each task's network on each "
            f"validation set; winner by {self.criterion}: task {self.winner}",
            "network " + "".join(f"{title:>12}" for title, _ in columns),
        ]
        for task in range(len(table)):
            mark = "*" if task == self.winner else " "
            cells = "".join(f"{values[task]:12.4f}" for _, values in columns)
            lines.append(f"task {task}{mark} {cells}")
        return "\n".join(lines)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
