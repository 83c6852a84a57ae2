"""The last line of Algorithm 1: which of the M networks is the outcome."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_amto.algorithm import best_candidate
from keras_amto.algorithm import harmonic_accuracy
from keras_amto.arguments import wrong_value
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Logs
from keras_amto.engines import OnProgress
from keras_amto.engines import Replica
from keras_amto.fit.plan import FitPlan
from keras_amto.fit.progress import Progress
from keras_amto.ledger import Finalists

_LOWER_IS_BETTER = ("error", "mae", "mse", "mape", "msle", "crossentropy")


def select_winner(
    plan: FitPlan,
    engine: Engine,
    candidates: Sequence[Replica],
    metric: str | None,
    progress: Progress,
    tick: OnProgress,
) -> tuple[Replica, Finalists]:
    """Evaluates every candidate on every validation set, and chooses.

    Returns the winner's replica, as Keras leaves a model at the end of `fit`,
    and the table it was chosen from. `tick` is called from time to time.
    """
    candidates = [engine.finalize(replica) for replica in candidates]
    sets = list(plan.validation_sets)
    if plan.clean_set is not None:
        sets.append(plan.clean_set)
    jobs = [
        # Two at a time, as an engine takes a master and its shadow.
        EvaluationJob(i // 2, tuple(candidates[i : i + 2]), samples)
        for i in range(0, len(candidates), 2)
        for samples in sets
    ]

    def report(done: float) -> None:
        progress.position = done
        tick(done)

    with progress.selecting(len(jobs)):
        outcomes = engine.evaluate(jobs, report)
    logs = [
        [outcomes[i // 2 * len(sets) + k][i % 2] for k in range(len(sets))]
        for i in range(len(candidates))
    ]
    finalists = _tabulate(logs, metric, plan.clean_set is not None)
    return candidates[finalists.winner], finalists


def _tabulate(
    logs: Sequence[Sequence[Logs]], metric: str | None, has_clean_set: bool
) -> Finalists:
    """Chooses the winner by `logs[i][k]`, of network i on set k."""

    def table(name: str) -> tuple[Any, Any]:
        """The values on all validation sets, and those on the clean set."""
        rows = [[np.mean(each[name]) for each in row] for row in logs]
        values = np.array(rows)
        if has_clean_set:
            return values[:, :-1], values[:, -1]
        return values, None

    losses, clean_losses = table("loss")
    accuracies = harmonic = clean_accuracies = None
    if metric is not None:
        accuracies, clean_accuracies = table(metric)
        harmonic = harmonic_accuracy(accuracies)
    if has_clean_set:
        criterion, scores, ties = "clean", clean_accuracies, clean_losses
    else:
        criterion = "harmonic_accuracy" if metric else "validation_loss"
        scores, ties = harmonic, losses.mean(axis=1)
    return Finalists(
        winner=best_candidate(-ties if scores is None else scores, ties),
        criterion=criterion,
        metric=metric,
        losses=losses,
        accuracies=accuracies,
        harmonic_accuracies=harmonic,
        clean_losses=clean_losses,
        clean_accuracies=clean_accuracies,
    )


def selection_metric(requested: str, names: Sequence[str]) -> str | None:
    """Finds the metric that decides among the names of the model's logs.

    `"accuracy"`, the default, stands for any one metric whose name ends in it.
    Where it finds nothing, there is a warning, and `None` for the loss.
    """
    name = "selection_metric"
    if requested.endswith("loss") or any(
        part in requested for part in _LOWER_IS_BETTER
    ):
        raise wrong_value(
            name,
            requested,
            "is one of which lower is better, and the highest harmonic mean "
            "wins",
            "an accuracy or a score; without one the lowest mean validation "
            "loss wins anyway",
        )
    if requested in names:
        return requested
    if requested != "accuracy":
        expected = f"one of {list(names)}"
        raise wrong_value(name, requested, "does not exist", expected)
    endings = [n for n in names if n.endswith("accuracy") or n == "acc"]
    if len(endings) == 1:
        return endings[0]
    reason = f"several accuracies: {endings}" if endings else "no accuracy"
    warnings.warn(
        f"The model has {reason}, so the winner is the network of lowest mean "
        "validation loss. Name a metric in "
        "AMTOCallback(selection_metric=...) to select by that.",
        stacklevel=4,  # the call of `fit`
    )
    return None
