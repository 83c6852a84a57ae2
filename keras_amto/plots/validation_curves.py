"""Validation losses over training, task by task."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import check_task
from keras_amto.ledger import Ledger
from keras_amto.plots.canvas import FAINT
from keras_amto.plots.canvas import INK
from keras_amto.plots.canvas import Axes
from keras_amto.plots.canvas import axes_for
from keras_amto.plots.canvas import panels
from keras_amto.plots.canvas import require_rounds
from keras_amto.plots.canvas import text_size

FloatArray = npt.NDArray[np.float64]


_TITLE_OF_ONE = "validation loss"
_TITLE = (
    "validation loss of each task\n"
    "solid: master, faint: its shadows, \N{BLACK CIRCLE} accepted, "
    "\N{WHITE CIRCLE} refused"
)


class ValidationCurves(NamedTuple):
    """What `curves` draws.

    Attributes:
        steps: Integer array of shape `(rounds,)`, training steps.
        masters: Float array of shape `(rounds, M)`, each master's validation
            loss before the decision; NaN where it is not finite.
        shadows: Float array of shape `(rounds, M)`, likewise, or `None` with
            M = 1.
        accepted: Boolean array of shape `(rounds, M)`.
    """

    steps: npt.NDArray[np.int64]
    masters: FloatArray
    shadows: FloatArray | None
    accepted: npt.NDArray[np.bool_]


def curves_data(ledger: Ledger) -> ValidationCurves:
    """Returns what `curves` draws.

    Args:
        ledger: A `Ledger`.

    Raises:
        TypeError: if it is not a ledger.
        ValueError: if it holds no round.
    """
    require_rounds(ledger)
    shadows = [r.shadow_losses for r in ledger if r.shadow_losses is not None]
    return ValidationCurves(
        steps=np.array([record.step for record in ledger]),
        masters=_finite([record.master_losses for record in ledger]),
        shadows=_finite(shadows) if shadows else None,
        accepted=np.array([record.accepted for record in ledger]),
    )


def _finite(losses: list[FloatArray]) -> FloatArray:
    values = np.array(losses)
    return np.where(np.isfinite(values), values, np.nan)


def curves(
    ledger: Ledger, winner: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draws validation losses: a panel for each task.

    The solid line is the task's master, the faint one its shadows. Each trial
    is a mark at the shadow's loss, filled where it was accepted.

    Args:
        ledger: A `Ledger`.
        winner: Integer, the task whose panel is marked as the winner's, or
            `None`. Defaults to `None`.
        ax: `matplotlib.axes.Axes` to draw into, divided into panels. Defaults
            to `None`, a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or there is no such task.

    Example:

    ```python
    keras_amto.plots.curves(model.ledger, winner=model.best_task)
    ```
    """
    data = curves_data(ledger)
    num_tasks = data.masters.shape[1]
    if winner is not None:
        winner = check_task("winner", winner, num_tasks)
    columns = math.ceil(math.sqrt(num_tasks))
    rows = math.ceil(num_tasks / columns)
    ax = axes_for(ax, 4 + 1.8 * columns, 1.4 + 1.9 * rows)
    title = _TITLE if data.shadows is not None else _TITLE_OF_ONE
    grid = panels(ax, rows, columns, title)
    size = text_size(num_tasks)
    low, high = _limits(data)
    logarithmic = low > 0
    for position, panel in enumerate(grid.flat):
        if position >= num_tasks:
            panel.set_axis_off()
            continue
        _draw_task(panel, data, position)
        if logarithmic:
            panel.set_yscale("log")
            panel.set_ylim(low / 1.25, high * 1.25)
        else:
            margin = 0.05 * (high - low) or 1.0
            panel.set_ylim(low - margin, high + margin)
        panel.set_xlim(0, data.steps[-1] * 1.03)
        panel.tick_params(which="both", labelsize=size)
        panel.label_outer()
        if position % columns == 0:
            panel.set_ylabel(
                f"validation loss ({'log' if logarithmic else 'linear'})",
                fontsize=8,
            )
        if position + columns >= num_tasks:  # nothing below it
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("training steps", fontsize=8)
        won = position == winner
        panel.set_title(
            f"task {position}" + (" (winner)" if won else ""),
            fontsize=size + 1, pad=3, weight="bold" if won else "normal",
        )  # fmt: skip
        for spine in panel.spines.values():
            spine.set_linewidth(2.2 if won else 0.8)
    return ax


def _draw_task(panel: Axes, data: ValidationCurves, task: int) -> None:
    crowded = len(data.steps) > 40
    mark = 2.5 if crowded else 4
    if data.shadows is not None:
        shadow, accepted = data.shadows[:, task], data.accepted[:, task]
        panel.plot(data.steps, shadow, color=FAINT, linewidth=0.8)
        for taken, fill in ((False, "white"), (True, INK)):
            chosen = accepted == taken
            panel.plot(
                data.steps[chosen], shadow[chosen], "o", markersize=mark,
                markerfacecolor=fill, markeredgecolor=INK if taken else FAINT,
                markeredgewidth=0.7, zorder=3,
            )  # fmt: skip
    panel.plot(data.steps, data.masters[:, task], color=INK, linewidth=1.6)


def _limits(data: ValidationCurves) -> tuple[float, float]:
    parts = [data.masters.ravel()]
    if data.shadows is not None:
        parts.append(data.shadows.ravel())
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if not len(values):  # every network has diverged
        return 0.0, 1.0
    return float(values.min()), float(values.max())
