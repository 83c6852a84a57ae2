"""The arms of a comparison, with intervals."""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_share
from keras_amto.arguments import check_text
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.plots import canvas
from keras_amto.statistics import Difference
from keras_amto.statistics import Scores
from keras_amto.statistics import Summary
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import summarise


class ArmIntervals(NamedTuple):
    """What `comparison` draws.

    Attributes:
        arms: List of strings.
        scores: List of lists of floats, each seed's score of each arm, in
            percent.
        summaries: List of `Summary`s, in percent.
        differences: List of `Difference`s to the reference, in percentage
            points; `None` for the reference itself.

    Example:

    ```python
    data = keras_amto.plots.comparison_data(
        {"sto": {0: 0.93, 1: 0.94}, "amto": {0: 0.95, 1: 0.94}}
    )
    for arm, summary in zip(data.arms, data.summaries):
        print(arm, summary.mean, summary.standard_error)
    ```
    """

    arms: list[str]
    scores: list[list[float]]
    summaries: list[Summary]
    differences: list[Difference | None]


def comparison_data(
    scores: Mapping[str, Scores], reference: str = "sto"
) -> ArmIntervals:
    """Returns what `comparison` draws.

    Args:
        scores: Test accuracy in [0, 1] by seed, by arm.
        reference: String, the arm to compare with. Defaults to `"sto"`.

    Returns:
        The `ArmIntervals`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there are no scores, or one is out of range.

    Example:

    ```python
    data = keras_amto.plots.comparison_data(
        {"sto": {0: 0.93, 1: 0.94}, "amto": {0: 0.95, 1: 0.94}}
    )
    print(data.differences)
    ```
    """
    check_text("reference", reference, "the name of an arm")
    check_scores(scores)
    percent = {
        arm: {seed: 100 * score for seed, score in by_seed.items()}
        for arm, by_seed in scores.items()
        if by_seed
    }
    if not percent:
        expected = "at least one arm with a score"
        raise wrong_value("scores", scores, "are empty", expected)
    base = percent.get(reference, {})
    return ArmIntervals(
        arms=list(percent),
        scores=[list(by_seed.values()) for by_seed in percent.values()],
        summaries=list(map(summarise, percent.values())),
        differences=[
            None if arm == reference else difference(by_seed, base)
            for arm, by_seed in percent.items()
        ],
    )


def check_scores(scores: Any) -> None:
    """Raises unless there are scores in [0, 1] by seed, by arm."""
    expected = "a dict of scores in [0, 1] by seed, by arm"
    if not isinstance(scores, Mapping):
        raise wrong_type("scores", scores, "a mapping", expected)
    for arm, by_seed in scores.items():
        check_text("scores", arm, expected)
        if not isinstance(by_seed, Mapping):
            raise wrong_type("scores", by_seed, "a mapping", expected)
        for score in by_seed.values():
            check_share("scores", score, zero=True, one=True)


def comparison(
    scores: Mapping[str, Scores],
    reference: str = "sto",
    ax: canvas.Axes | None = None,
) -> canvas.Axes:
    """Draws test accuracies of arms, and their differences to one of them.

    On the left each seed's accuracy is a faint mark, the mean a dot with its
    standard error. On the right is the mean paired difference to the reference
    with Student's 95 % interval, and the p-value of the sign-flip test.

    Args:
        scores: Test accuracy in [0, 1] by seed, by arm.
        reference: String, the arm to compare with. Defaults to `"sto"`.
        ax: `matplotlib.axes.Axes` to draw into, divided into panels. Defaults
            to `None`, a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: if SciPy is missing.
        TypeError: if an argument is of the wrong type.
        ValueError: if there is no score, or one outside of [0, 1].

    Example:

    ```python
    keras_amto.plots.comparison(
        {"sto": {0: 0.93, 1: 0.94}, "amto": {0: 0.95, 1: 0.94}}
    )
    ```
    """
    data = comparison_data(scores, reference)
    ax = canvas.axes_for(ax, 9, 1.4 + 0.34 * max(len(data.arms), 3))
    figure = canvas.figure_within(ax)
    figure.suptitle("test accuracy by arm", fontsize=10)
    left, right = figure.subplots(1, 2)
    right.axvline(0, color=canvas.ink(), linestyle="--", linewidth=1)
    rows = range(len(data.arms))
    for row, (_, seeds, summary, change) in enumerate(zip(*data, strict=True)):
        lane = [row] * len(seeds)
        left.plot(seeds, lane, "|", color=canvas.FAINT, markersize=7)
        mean, error = summary.mean, summary.standard_error
        _interval(left, row, mean, mean - error, mean + error)
        if change is not None and change.seeds:
            _interval(right, row, change.mean, change.low, change.high)
    left.set_yticks(rows, data.arms)
    left.set_xlabel("accuracy (%): seeds, mean, standard error", fontsize=9)
    right.yaxis.tick_right()
    p_values = ["" if d is None else p_text(d.p) for d in data.differences]
    right.set_yticks(rows, p_values)
    label = f"less {reference} (points): mean, 95 % t interval; right: p"
    right.set_xlabel(label, fontsize=9)
    for panel in (left, right):
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.grid(axis="x", color=canvas.FAINT, linewidth=0.4)
        panel.set_axisbelow(True)
        panel.tick_params(labelsize=9)
    return ax


def _interval(
    panel: canvas.Axes, row: int, mean: float, low: float, high: float
) -> None:
    if np.isfinite([low, high]).all():
        panel.plot([low, high], [row, row], color=canvas.ink(), linewidth=1.8)
    panel.plot(mean, row, "o", color=canvas.ink(), markersize=6)
