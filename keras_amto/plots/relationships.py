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
from keras_amto.plots import canvas

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


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

    Example:

    ```python
    data = keras_amto.plots.relationships_data(model.ledger, rounds=[-1])
    print(data.donated_accepted / data.donated)
    ```
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

    Returns:
        The `RelationshipMatrices`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or only one task, or if there
            is no such round.

    Example:

    ```python
    data = keras_amto.plots.relationships_data(model.ledger)
    print(data.acceptance_rates)
    ```
    """
    canvas.check_ledger(ledger, transfers=True)
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
    ax: canvas.Axes | None = None,
) -> canvas.Axes:
    """Draws relationship matrices at several times, and counts below them.

    Above: the relationships, row m being the list of task m. Below: how often
    each task tried each donor, the share of these trials that was accepted, and
    the sums for each donor.

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
        ValueError: if the ledger holds no round, or only one task, or if there
            is no such round.

    Example:

    ```python
    keras_amto.plots.relationships(model.ledger)
    ```
    """
    data = relationships_data(ledger, rounds)
    columns = max(3, len(data.steps))
    ax = canvas.axes_for(ax, 3.6 * columns, 6.6)
    above, below = canvas.figure_within(ax).subplots(2, columns)
    for spare in (*above[len(data.steps) :], *below[3:]):
        spare.set_axis_off()
    counts = data.donor_counts.astype(float)
    np.fill_diagonal(counts, np.nan)
    r = data.relationships
    limits = (float(np.nanmin(r)), float(np.nanmax(r)))
    for panel, step, matrix in zip(above, data.steps, r, strict=False):
        title = f"relationships r at step {step}"
        _draw_matrix(panel, title, matrix, limits, 2, "r")
    title, limits = "how often the donor was tried", (0, np.nanmax(counts))
    _draw_matrix(below[0], title, counts, limits, 0, "trials")
    title, rates = "share of these trials accepted", 100 * data.acceptance_rates
    _draw_matrix(below[1], title, rates, (0, 100), 0, "%")
    _draw_sums(below[2], data)
    return ax


def _draw_matrix(
    panel: canvas.Axes,
    title: str,
    values: FloatArray,
    limits: tuple[float, float],
    decimals: int,
    unit: str,
) -> None:
    figures = decimals if len(values) <= 8 else None
    size = 9 if len(values) <= 4 else 7
    canvas.heat_map(panel, values, limits, figures, size, unit)
    panel.locator_params(axis="x", nbins=8, integer=True)
    _label(panel, title, "donor (task)", "receiver (task)")


def _label(panel: canvas.Axes, title: str, x: str, y: str) -> None:
    panel.locator_params(axis="y", nbins=8, integer=True)
    panel.tick_params(labelsize=8)
    panel.set_title(title, fontsize=9)
    panel.set_xlabel(x, fontsize=8)
    panel.set_ylabel(y, fontsize=8)


def _draw_sums(panel: canvas.Axes, data: RelationshipMatrices) -> None:
    tasks = np.arange(len(data.donated))
    ink, paper = canvas.ink(), canvas.paper()
    tried = panel.barh(
        tasks, data.donated, color=paper, edgecolor=ink, linewidth=0.8
    )
    panel.barh(tasks, data.donated_accepted, color=ink)
    sums = zip(data.donated_accepted, data.donated, strict=True)
    shares = [f"{100 * a / of:.0f} %" if of else "" for a, of in sums]
    panel.bar_label(tried, shares, padding=3, fontsize=7)
    panel.set_xlim(0, 1.22 * max(1, data.donated.max()))
    panel.set_ylim(len(tasks) - 0.4, -0.6)
    title, x = "networks donated (filled: accepted)", "trials, share accepted"
    _label(panel, title, x, "donor (task)")
