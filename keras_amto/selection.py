"""The last line of Algorithm 1: which of the M networks is the outcome."""

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import best_candidate
from keras_amto.algorithm import harmonic_accuracy
from keras_amto.engines import Logs

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


def tabulate(
    logs: Sequence[Sequence[Logs]],
    clean_logs: Sequence[Logs] | None,
    metric: str | None,
) -> Finalists:
    """Chooses the winner.

    Args:
        logs: `logs[i][k]` are those of network i on the validation set of task
            k.
        clean_logs: Those of network i on the clean set, or `None`.
        metric: The metric that decides, higher being better; `None` for the
            loss.

    Returns:
        A `Finalists` record.
    """
    losses = np.array([[entry["loss"] for entry in row] for row in logs])
    accuracies = harmonic = clean_losses = clean_accuracies = None
    scores = -losses.mean(axis=1)
    criterion = "validation_loss"
    if metric is not None:
        accuracies = np.array([[_score(e, metric) for e in r] for r in logs])
        scores = harmonic = harmonic_accuracy(accuracies)
        criterion = "harmonic_accuracy"
    ties = losses.mean(axis=1)
    if clean_logs is not None:
        criterion = "clean"
        ties = clean_losses = np.array([entry["loss"] for entry in clean_logs])
        scores = -clean_losses
        if metric is not None:
            clean_accuracies = np.array([_score(e, metric) for e in clean_logs])
            scores = clean_accuracies
    return Finalists(
        winner=best_candidate(scores, ties),
        criterion=criterion,
        metric=metric,
        losses=losses,
        accuracies=accuracies,
        harmonic_accuracies=harmonic,
        clean_losses=clean_losses,
        clean_accuracies=clean_accuracies,
    )


def _score(logs: Logs, metric: str) -> float:
    return float(np.mean(logs[metric]))


def selection_metric(requested: str, names: Sequence[str]) -> str | None:
    """Finds the metric that decides.

    Args:
        requested: The name that the user asked for; `"accuracy"` is the default
            and stands for any one metric whose name ends in it.
        names: The names of the model's logs.

    Returns:
        The name, or `None` where the default finds nothing, with a warning.

    Raises:
        ValueError: if another name than the default does not exist.
    """
    if requested in names:
        return requested
    if requested != "accuracy":
        raise ValueError(
            "`selection_metric` does not exist. "
            f"Received: selection_metric={requested!r}. "
            f"Expected: one of {list(names)}."
        )
    endings = [n for n in names if n.endswith("accuracy") or n == "acc"]
    if len(endings) == 1:
        return endings[0]
    reason = f"several accuracies: {endings}" if endings else "no accuracy"
    warnings.warn(
        f"The model has {reason}, so the winner is the network of lowest mean "
        "validation loss. Name a metric in "
        "AMTOCallback(selection_metric=...) to select by that.",
        stacklevel=2,
    )
    return None
