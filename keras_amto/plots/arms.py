"""The arms of a comparison, with intervals."""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_share
from keras_amto.arguments import check_text
from keras_amto.arguments import wrong_type
from keras_amto.plots.canvas import FAINT
from keras_amto.plots.canvas import INK
from keras_amto.plots.canvas import Axes
from keras_amto.plots.canvas import axes_for
from keras_amto.plots.canvas import panels
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
        reference: String, the arm that the others are compared with.
    """

    arms: list[str]
    scores: list[list[float]]
    summaries: list[Summary]
    differences: list[Difference | None]
    reference: str


def comparison_data(
    scores: Mapping[str, Scores], reference: str = "sto"
) -> ArmIntervals:
    """Returns what `comparison` draws.

    Args:
        scores: Test accuracy in [0, 1] by seed, by arm.
        reference: String, the arm to compare with. Defaults to `"sto"`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there is no score, or one outside of [0, 1].
    """
    check_text("reference", reference, "the name of an arm")
    _check_scores(scores)
    arms = [arm for arm, by_seed in scores.items() if by_seed]
    if not arms:
        raise ValueError(
            f"There is nothing to draw. Received: scores={dict(scores)}. "
            "Expected: at least one arm with a score."
        )
    percent = {
        arm: {seed: 100 * score for seed, score in scores[arm].items()}
        for arm in arms
    }
    return ArmIntervals(
        arms=arms,
        scores=[list(percent[arm].values()) for arm in arms],
        summaries=[summarise(percent[arm]) for arm in arms],
        differences=[
            None
            if arm == reference
            else difference(percent[arm], percent.get(reference, {}))
            for arm in arms
        ],
        reference=reference,
    )


def _check_scores(scores: Any) -> None:
    expected = "a dict of scores in [0, 1] by seed, by arm"
    for mapping in (scores, *_values(scores)):
        if not isinstance(mapping, Mapping):
            raise wrong_type("scores", mapping, "a mapping", expected)
    for arm, by_seed in scores.items():
        check_text("scores", arm, expected)
        for score in by_seed.values():
            check_share("scores", score, zero=True, one=True)


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, Mapping) else []


def comparison(
    scores: Mapping[str, Scores],
    reference: str = "sto",
    ax: Axes | None = None,
) -> Axes:
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
    ax = axes_for(ax, 9, 1.4 + 0.34 * max(len(data.arms), 3))
    ((left, right),) = panels(ax, 1, 2, "test accuracy by arm")
    rows = np.arange(len(data.arms))
    for row, (seeds, summary) in enumerate(
        zip(data.scores, data.summaries, strict=True)
    ):
        left.plot(seeds, [row] * len(seeds), "|", color=FAINT, markersize=7)
        _interval(
            left, row, summary.mean,
            summary.mean - summary.standard_error,
            summary.mean + summary.standard_error,
        )  # fmt: skip
    left.set_yticks(rows, data.arms, fontsize=9)
    left.set_xlabel("accuracy (%): seeds, mean, standard error", fontsize=9)
    right.axvline(0, color=INK, linestyle="--", linewidth=1)
    for row, each in enumerate(data.differences):
        if each is not None and each.seeds:
            _interval(right, row, each.mean, each.low, each.high)
    right.yaxis.tick_right()
    right.set_yticks(rows, [_p(each) for each in data.differences])
    right.set_xlabel(
        f"less {data.reference} (points): mean, 95 % t interval; right: p",
        fontsize=9,
    )
    for panel in (left, right):
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.grid(axis="x", color="#dddddd", linewidth=0.7)
        panel.set_axisbelow(True)
        panel.tick_params(labelsize=9)
    return ax


def _p(found: Difference | None) -> str:
    return "" if found is None else p_text(found.p)


def _interval(
    panel: Axes, row: int, mean: float, low: float, high: float
) -> None:
    if np.isfinite([low, high]).all():
        panel.plot([low, high], [row, row], color=INK, linewidth=1.8)
    panel.plot(mean, row, "o", color=INK, markersize=6)
