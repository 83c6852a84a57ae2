"""Accuracy against training steps: which way to spend the next hour."""

import math
import numbers
from collections.abc import Mapping
from typing import NamedTuple

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.plots import canvas
from keras_amto.plots.comparison import check_scores
from keras_amto.statistics import Scores
from keras_amto.statistics import Summary
from keras_amto.statistics import summarise

_COSTS = "costs that are numbers above 0, and finite"


class Rungs(NamedTuple):
    """What `ladder` draws.

    Attributes:
        ways: List of strings.
        costs: List of lists of floats, the costs at which each way was tried,
            in increasing order.
        summaries: List of lists of `Summary`s, at these costs, in percent.

    Example:

    ```python
    scores = {"amto": {1: {0: 0.93, 1: 0.94}, 8: {0: 0.95, 1: 0.95}}}
    rungs = keras_amto.plots.ladder_data(scores)
    print([each.mean for each in rungs.summaries[0]])
    ```
    """

    ways: list[str]
    costs: list[list[float]]
    summaries: list[list[Summary]]


def ladder_data(scores: Mapping[str, Mapping[float, Scores]]) -> Rungs:
    """Returns what `ladder` draws.

    Args:
        scores: Test accuracy in [0, 1] by seed, by cost, by way. Costs are
            training steps, in any unit.

    Returns:
        The `Rungs`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there are no scores, or one or a cost is out of range.

    Example:

    ```python
    scores = {"amto": {1: {0: 0.93, 1: 0.94}, 8: {0: 0.95, 1: 0.95}}}
    print(keras_amto.plots.ladder_data(scores).costs)
    ```
    """
    expected = "a dict of scores in [0, 1] by seed, by cost, by way"
    if not isinstance(scores, Mapping):
        raise wrong_type("scores", scores, "a mapping", expected)
    ways = {}
    for way, by_cost in scores.items():
        if not isinstance(by_cost, Mapping):
            raise wrong_type("scores", by_cost, "a mapping", expected)
        for cost, by_seed in by_cost.items():
            check_scores({way: by_seed})
            if not isinstance(cost, numbers.Real):
                raise wrong_type("scores", cost, "a number", _COSTS)
            if not 0 < cost < math.inf:
                raise wrong_value(
                    "scores", cost, "have a cost out of range", _COSTS
                )
        rungs = {cost: by_cost[cost] for cost in sorted(by_cost)}
        ways[way] = {cost: each for cost, each in rungs.items() if each}
    ways = {way: rungs for way, rungs in ways.items() if rungs}
    if not ways:
        raise wrong_value(
            "scores", scores, "are empty", "at least one way with a score"
        )

    def percent(by_seed: Scores) -> Summary:
        return summarise({seed: 100 * s for seed, s in by_seed.items()})

    return Rungs(
        ways=list(ways),
        costs=[[float(cost) for cost in rungs] for rungs in ways.values()],
        summaries=[
            [percent(each) for each in rungs.values()]
            for rungs in ways.values()
        ],
    )


def ladder(
    scores: Mapping[str, Mapping[float, Scores]],
    ax: canvas.Axes | None = None,
) -> canvas.Axes:
    """Draws the accuracy that each way reaches for its training steps.

    A line for each way; marks are means over the seeds, with their standard
    errors. The axis of costs doubles from tick to tick.

    Args:
        scores: Test accuracy in [0, 1] by seed, by cost, by way. A cost is a
            number of training steps in units of your choice.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`, a new
            figure.

    Returns:
        The axes.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there is no score, or one outside of [0, 1].

    Example:

    ```python
    keras_amto.plots.ladder({
        "full": {1: {0: 0.93, 1: 0.94}, 8: {0: 0.95, 1: 0.94}},
        "amto": {8: {0: 0.95, 1: 0.95}},
    })
    ```
    """
    data = ladder_data(scores)
    ax = canvas.axes_for(ax, 6.4, 4.2)
    ticks: set[float] = set()
    colours = canvas.colours(len(data.ways))
    for number, (way, costs, summaries) in enumerate(zip(*data, strict=True)):
        means = [each.mean for each in summaries]
        errors = [each.standard_error for each in summaries]
        # So that a way alone at a cost does not hide another one there.
        shift = 1 + 0.03 * (number - (len(data.ways) - 1) / 2)
        ax.errorbar(
            [cost * shift for cost in costs], means, errors,
            label=way, color=colours[number], capsize=2,
            marker=_MARKS[number % len(_MARKS)], markersize=5, linewidth=1.4,
        )  # fmt: skip
        ticks.update(costs)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sorted(ticks), [f"{tick:g}" for tick in sorted(ticks)])
    ax.minorticks_off()
    ax.set_xlabel("training steps, in those of one network")
    ax.set_ylabel("test accuracy (%): mean, standard error")
    ax.grid(axis="y", color=canvas.FAINT, linewidth=0.4)
    ax.set_axisbelow(True)
    ax.legend(fontsize=8)
    return ax


_MARKS = "os^Dv<>p"
