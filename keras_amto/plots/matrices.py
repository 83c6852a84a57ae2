"""Relationships at several times, and what came of the trials."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import check_integer
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.ledger import Ledger
from keras_amto.plots.canvas import INK
from keras_amto.plots.canvas import Axes
from keras_amto.plots.canvas import axes_for
from keras_amto.plots.canvas import count_tasks
from keras_amto.plots.canvas import heat_map
from keras_amto.plots.canvas import panels
from keras_amto.plots.canvas import require_transfers

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_ANNOTATED = 8  # tasks up to which figures fit into the cells


class RelationshipMatrices(NamedTuple):
    """What `relationships` draws.

    Attributes:
        steps: Integer array of shape `(times,)`, training steps.
        relationships: Float array of shape `(times, M, M)`; row m is the list
            of task m. NaN on the diagonal, which has no meaning.
        donor_counts: Integer array of shape `(M, M)`: how often task m tried
            donor j.
        acceptance_rates: Float array of shape `(M, M)`: the share of these
            trials that was accepted; NaN where there was none.
        donated: Integer array of shape `(M,)`: how often the network of each
            task was tried by another.
        donated_accepted: Integer array of shape `(M,)`: how often with success.
    """

    steps: IntArray
    relationships: FloatArray
    donor_counts: IntArray
    acceptance_rates: FloatArray
    donated: IntArray
    donated_accepted: IntArray


def relationships_data(
    ledger: Ledger, rounds: Sequence[int] | None = None
) -> RelationshipMatrices:
    """Returns what `relationships` draws.

    Args:
        ledger: A `Ledger` of at least two tasks.
        rounds: Positions in the ledger at which to show relationships. Defaults
            to `None`, three of them: early, halfway, and the last.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or one task alone, or if
            there is no such round.
    """
    require_transfers(ledger)
    if rounds is None:
        last = len(ledger) - 1
        rounds = sorted({last // 10, last // 2, last})
    else:
        rounds = _positions(rounds, len(ledger))
    num_tasks = len(ledger[0].accepted)
    counts = np.zeros((num_tasks, num_tasks), np.int64)
    accepted = np.zeros_like(counts)
    tasks = np.arange(num_tasks)
    for record in ledger:
        counts[tasks, record.donors] += 1
        accepted[tasks, record.donors] += record.accepted
    rates = np.full(counts.shape, np.nan)
    np.divide(accepted, counts, out=rates, where=counts > 0)
    matrices = np.array([ledger[i].relationships for i in rounds])
    matrices[:, tasks, tasks] = np.nan
    return RelationshipMatrices(
        steps=np.array([ledger[i].step for i in rounds]),
        relationships=matrices,
        donor_counts=counts,
        acceptance_rates=rates,
        donated=counts.sum(axis=0),
        donated_accepted=accepted.sum(axis=0),
    )


def _positions(rounds: Any, count: int) -> list[int]:
    expected = f"a list of integers from {-count} to {count - 1}"
    if isinstance(rounds, str) or not isinstance(rounds, Iterable):
        raise wrong_type("rounds", rounds, "a list", expected)
    positions = [check_integer("rounds", each, -count) for each in rounds]
    if not positions or max(positions) >= count:
        raise wrong_value("rounds", positions, "cannot be drawn", expected)
    return positions


def relationships(
    ledger: Ledger,
    rounds: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws relationship matrices at several times, and counts below them.

    Above: the relationships, row m being the list of task m. Below: how often
    each task tried each donor, the share of these trials that was accepted, and
    the same summed over the tasks that tried.

    Args:
        ledger: A `Ledger` of at least two tasks.
        rounds: Positions in the ledger at which to show relationships. Defaults
            to `None`, three of them: early, halfway, and the last.
        ax: `matplotlib.axes.Axes` to draw into, divided into panels. Defaults
            to `None`, a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or one task alone, or if
            there is no such round.

    Example:

    ```python
    keras_amto.plots.relationships(model.ledger)
    ```
    """
    data = relationships_data(ledger, rounds)
    num_tasks = len(data.donated)
    columns = max(3, len(data.steps))
    ax = axes_for(ax, 3.6 * columns, 6.6)
    grid = panels(ax, 2, columns)
    figures = num_tasks <= _ANNOTATED
    size = 9 if num_tasks <= 4 else 7
    finite = data.relationships[np.isfinite(data.relationships)]
    low, high = float(finite.min()), float(finite.max())
    for panel, matrix, step in zip(
        grid[0], data.relationships, data.steps, strict=False
    ):
        image = heat_map(panel, matrix, low, high, 2 if figures else None, size)
        panel.set_title(f"relationships r at step {step}", fontsize=9)
        _label(panel, num_tasks)
        _scale(panel, image, "r (no unit)")
    counts = data.donor_counts.astype(float)
    np.fill_diagonal(counts, np.nan)
    image = heat_map(
        grid[1, 0], counts, 0, np.nanmax(counts), 0 if figures else None, size
    )
    grid[1, 0].set_title("how often the donor was tried", fontsize=9)
    _label(grid[1, 0], num_tasks)
    _scale(grid[1, 0], image, "trials")
    image = heat_map(
        grid[1, 1], 100 * data.acceptance_rates, 0, 100,
        0 if figures else None, size,
    )  # fmt: skip
    grid[1, 1].set_title("share of these trials accepted", fontsize=9)
    _label(grid[1, 1], num_tasks)
    _scale(grid[1, 1], image, "%")
    _draw_sums(grid[1, 2], data)
    for spare in (*grid[0, len(data.steps) :], *grid[1, 3:]):
        spare.set_axis_off()
    return ax


def _label(panel: Axes, num_tasks: int) -> None:
    count_tasks(panel.xaxis, num_tasks)
    count_tasks(panel.yaxis, num_tasks)
    panel.tick_params(labelsize=8)
    panel.set_xlabel("donor (task)", fontsize=8)
    panel.set_ylabel("receiver (task)", fontsize=8)


def _scale(panel: Axes, image: Axes, unit: str) -> None:
    bar = panel.figure.colorbar(image, ax=panel, fraction=0.06, pad=0.03)
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _draw_sums(panel: Axes, data: RelationshipMatrices) -> None:
    tasks = np.arange(len(data.donated))
    panel.barh(tasks, data.donated, color="white", edgecolor=INK,
               linewidth=0.8)  # fmt: skip
    panel.barh(tasks, data.donated_accepted, color=INK)
    for task, (tried, taken) in enumerate(
        zip(data.donated, data.donated_accepted, strict=True)
    ):
        if tried:
            panel.annotate(
                f"{100 * taken / tried:.0f} %", (tried, task),
                xytext=(3, 0), textcoords="offset points", va="center",
                fontsize=7,
            )  # fmt: skip
    panel.set_xlim(0, 1.22 * max(1, data.donated.max()))
    panel.set_ylim(len(tasks) - 0.4, -0.6)
    count_tasks(panel.yaxis, len(tasks))
    panel.tick_params(labelsize=8)
    panel.set_title("networks donated (black: accepted)", fontsize=9)
    panel.set_xlabel("trials, and the share accepted", fontsize=8)
    panel.set_ylabel("donor (task)", fontsize=8)
