"""Line 21 of Algorithm 1: which of the M networks is the outcome."""

import dataclasses
import math
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
from keras_amto.ledger import Product
from keras_amto.tasks import EvaluationSet

_LOWER_IS_BETTER = ("error", "mae", "mse", "mape", "msle", "crossentropy")


def select_winner(
    plan: FitPlan,
    engine: Engine,
    candidates: Sequence[Replica],
    average: Replica | None,
    metric: str | None,
    progress: Progress,
    tick: OnProgress,
) -> Finalists:
    """Evaluates every candidate on every validation set, and chooses.

    The average, where there is one, is evaluated beside them. All replicas are
    as Keras leaves a model at the end of `fit`. `tick` is called from time to
    time.

    Returns:
        The table, whose answer is the winner.
    """
    sets = evaluated_sets(plan)
    replicas = [*candidates, *([] if average is None else [average])]
    # Two at a time, as an engine takes a master and its shadow.
    pairs = min(2, len(candidates))
    jobs = [
        EvaluationJob(
            i // pairs % len(candidates), tuple(replicas[i : i + pairs]), each
        )
        for i in range(0, len(replicas), pairs)
        for each in sets
    ]

    def report(done: float) -> None:
        progress.position = done
        tick(done)

    with progress.selecting(len(jobs)):
        outcomes = engine.evaluate(jobs, report)
    logs = [
        [
            outcomes[i // pairs * len(sets) + k][i % pairs]
            for k in range(len(sets))
        ]
        for i in range(len(replicas))
    ]
    has_clean_set = plan.clean_set is not None
    finalists = _tabulate(logs[: len(candidates)], metric, has_clean_set)
    winner = finalists.winner
    products = [
        product(name, 1, _size(replicas[i]), logs[i], metric, has_clean_set)
        for name, i in (("winner", winner), ("average", len(candidates)))
        if i < len(replicas)
    ]
    return dataclasses.replace(finalists, products=tuple(products))


def evaluated_sets(plan: FitPlan) -> list[EvaluationSet]:
    """Returns all validation sets and, where there is one, the clean set."""
    clean = [] if plan.clean_set is None else [plan.clean_set]
    return [*plan.validation_sets, *clean]


def product(
    name: str,
    networks: int,
    parameters: int,
    logs: Sequence[Logs],
    metric: str | None,
    has_clean_set: bool,
) -> Product:
    """Tabulates one way to answer, by its logs on each set."""
    table = _tabulate([logs], metric, has_clean_set)

    def only(values: Any) -> Any:
        return None if values is None else values[0]

    return Product(
        name=name,
        networks=networks,
        parameters=parameters,
        losses=table.losses[0],
        accuracies=only(table.accuracies),
        harmonic_accuracy=_as_float(only(table.harmonic_accuracies)),
        clean_loss=_as_float(only(table.clean_losses)),
        clean_accuracy=_as_float(only(table.clean_accuracies)),
    )


def _as_float(value: Any) -> float | None:
    return None if value is None else float(value)


def _size(replica: Replica) -> int:
    return sum(math.prod(weight.shape) for weight in replica.weights)


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
        answer="winner",
        products=(),
    )


def selection_metric(requested: str, names: Sequence[str]) -> str | None:
    """Finds the metric that decides among the names of the model's logs.

    `"accuracy"`, the default, stands for any one metric whose name ends in it.
    Where it finds nothing, there is a warning, and `None` for the loss.
    """
    name = "selection_metric"
    if not requested.endswith("accuracy") and (
        requested.endswith("loss")
        or any(part in requested for part in _LOWER_IS_BETTER)
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
        stacklevel=5,  # the call of `fit`
    )
    return None
