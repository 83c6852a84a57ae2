"""Validation losses over training, task by task."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import check_task
from keras_amto.ledger import Ledger
from keras_amto.plots import canvas

FloatArray = npt.NDArray[np.float64]


class ValidationCurves(NamedTuple):
    """What `curves` draws.

    Attributes:
        steps: Integer array of shape `(rounds,)`, training steps.
        masters: Float array of shape `(rounds, M)`, each master's validation
            loss before the decision; NaN where it is not finite.
        shadows: Float array of shape `(rounds, M)`, likewise, or `None` with
            M = 1.
        accepted: Boolean array of shape `(rounds, M)`.

    Example:

    ```python
    data = keras_amto.plots.curves_data(model.ledger)
    lowest = data.masters.min(axis=0)  # of each task
    ```
    """

    steps: npt.NDArray[np.int64]
    masters: FloatArray
    shadows: FloatArray | None
    accepted: npt.NDArray[np.bool_]


def curves_data(ledger: Ledger) -> ValidationCurves:
    """Returns what `curves` draws of a ledger.

    Args:
        ledger: A `Ledger`.

    Returns:
        The `ValidationCurves`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round.

    Example:

    ```python
    data = keras_amto.plots.curves_data(model.ledger)
    print(data.steps[data.accepted.any(axis=1)])  # where a shadow won
    ```
    """
    canvas.check_ledger(ledger)
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
    ledger: Ledger, winner: int | None = None, ax: canvas.Axes | None = None
) -> canvas.Axes:
    """Draws validation losses, with one panel for each task.

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
    ax = canvas.axes_for(ax, 4 + 1.8 * columns, 1.4 + 1.9 * rows)
    figure = canvas.figure_within(ax)
    grid = figure.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False
    )
    title, losses = "validation loss", [data.masters]
    if data.shadows is not None:
        title = (
            "validation loss of each task\n"
            "solid: master, faint: its shadows, "
            "\N{BLACK CIRCLE} accepted, \N{WHITE CIRCLE} refused"
        )
        losses.append(data.shadows)
    finite = np.array(losses)[np.isfinite(losses)]
    scale = "log" if finite.size and (finite > 0).all() else "linear"
    figure.suptitle(title, fontsize=10)
    figure.supxlabel("training steps", fontsize=8)
    figure.supylabel(f"validation loss ({scale})", fontsize=8)
    size = canvas.text_size(num_tasks)
    for task, panel in enumerate(grid.flat):
        if task >= num_tasks:
            panel.set_axis_off()
            continue
        _draw_task(panel, data, task)
        panel.set_yscale(scale)
        panel.set_xlim(0, data.steps[-1] * 1.03)
        panel.tick_params(which="both", labelsize=size)
        if task + columns >= num_tasks:  # nothing below it
            panel.tick_params(labelbottom=True)
        name, weight, width = f"task {task}", "normal", 0.8
        if task == winner:
            name, weight, width = f"{name} (winner)", "bold", 2.2
        panel.set_title(name, fontsize=size + 1, pad=3, weight=weight)
        panel.spines[:].set_linewidth(width)
    return ax


def _draw_task(panel: canvas.Axes, data: ValidationCurves, task: int) -> None:
    ink, paper = canvas.ink(), canvas.paper()
    if data.shadows is not None:
        shadow, accepted = data.shadows[:, task], data.accepted[:, task]
        panel.plot(data.steps, shadow, color=canvas.FAINT, linewidth=0.8)
        panel.scatter(
            data.steps,
            shadow,
            s=6 if len(data.steps) > 40 else 16,
            c=[ink if each else paper for each in accepted],
            edgecolors=[ink if each else canvas.FAINT for each in accepted],
            linewidths=0.7,
            zorder=3,
        )
    master = data.masters[:, task]
    panel.plot(data.steps, master, color=ink, linewidth=1.6)
