"""The last line of Algorithm 1: which of the M networks is the outcome."""

import warnings
from collections.abc import Sequence

import numpy as np

from keras_amto.algorithm import best_candidate
from keras_amto.algorithm import harmonic_accuracy
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Logs
from keras_amto.engines import OnProgress
from keras_amto.engines import Replica
from keras_amto.fit.plan import FitPlan
from keras_amto.fit.progress import Progress
from keras_amto.ledger import Finalists
from keras_amto.tasks import EvaluationSet


def select_winner(
    plan: FitPlan,
    engine: Engine,
    candidates: Sequence[Replica],
    metric: str | None,
    progress: Progress,
    tick: OnProgress,
) -> tuple[Replica, Finalists]:
    """Evaluates every candidate on every validation set, and chooses.

    Args:
        plan: Whose validation sets, and clean set where there is one.
        engine: Who evaluates.
        candidates: One replica of each task.
        metric: The metric that decides, or `None` for the loss.
        progress: Shows how far the evaluation is.
        tick: Called from time to time.

    Returns:
        The winner's replica, as Keras leaves a model at the end of `fit`, and
        the table it was chosen from.
    """
    candidates = [engine.finalize(replica) for replica in candidates]
    num_tasks = len(candidates)
    sets = [plan.validation_samples(task) for task in range(num_tasks)]
    if plan.clean_set is not None:
        sets.append(plan.clean_set)
    logs = _evaluate_all(engine, candidates, sets, progress, tick)
    clean_logs = [row[-1] for row in logs] if plan.clean_set else None
    finalists = tabulate([row[:num_tasks] for row in logs], clean_logs, metric)
    return candidates[finalists.winner], finalists


def _evaluate_all(
    engine: Engine,
    candidates: Sequence[Replica],
    sets: Sequence[EvaluationSet],
    progress: Progress,
    tick: OnProgress,
) -> list[list[Logs]]:
    """The logs of every candidate on every set."""
    # Two at a time, as an engine takes a master and its shadow.
    pairs = [candidates[i : i + 2] for i in range(0, len(candidates), 2)]
    jobs = [
        EvaluationJob(task, tuple(pair), samples)
        for task, pair in enumerate(pairs)
        for samples in sets
    ]
    with progress.selecting(len(jobs)) as on_progress:

        def report(done: float) -> None:
            on_progress(done)
            tick(done)

        outcomes = engine.evaluate(jobs, report)
    logs: list[list[Logs]] = []
    for number, pair in enumerate(pairs):
        of_pair = outcomes[number * len(sets) : (number + 1) * len(sets)]
        logs += [[each[i] for each in of_pair] for i in range(len(pair))]
    return logs


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
    if _lower_is_better(requested):
        raise ValueError(
            "`selection_metric` is one of which lower is better, and the "
            "highest harmonic mean wins. "
            f"Received: selection_metric={requested!r}. "
            "Expected: an accuracy or a score; without one the lowest mean "
            "validation loss wins anyway."
        )
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
        stacklevel=4,  # the call of `fit`
    )
    return None


def _lower_is_better(name: str) -> bool:
    return name.endswith("loss") or any(
        part in name
        for part in ("error", "mae", "mse", "mape", "msle", "crossentropy")
    )
