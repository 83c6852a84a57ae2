"""Who descends from whom: a lane for each task."""

from typing import Any

import numpy as np

from keras_amto.ledger import Ledger
from keras_amto.plots.canvas import FAINT
from keras_amto.plots.canvas import INK
from keras_amto.plots.canvas import Axes
from keras_amto.plots.canvas import axes_for
from keras_amto.plots.canvas import ink_on
from keras_amto.plots.canvas import task_colours
from keras_amto.plots.canvas import text_size
from keras_amto.plots.lanes import Arc
from keras_amto.plots.lanes import Lanes
from keras_amto.plots.lanes import Segment
from keras_amto.plots.lanes import lineage_data


def lineage(
    ledger: Ledger,
    winner: int | None = None,
    restore_best_weights: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draws a lane for each task, and arcs where networks were transferred.

    A lane has the colour of the task whose first network its master descends
    from; where a shadow won it takes the donor's colour. The winner and its
    ancestry are bold. On the right stands from which task's first network each
    last master descends.

    Args:
        ledger: A `Ledger`, from the first round on.
        winner: Integer, the task that won, or `None` for no bold line. Defaults
            to `None`.
        restore_best_weights: Boolean, as the `AMTOCallback` had it. Defaults to
            `True`.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`, a new
            figure.

    Returns:
        The axes.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or there is no such task.

    Example:

    ```python
    keras_amto.plots.lineage(model.ledger, winner=model.best_task)
    ```
    """
    data = lineage_data(ledger, winner, restore_best_weights)
    ax = axes_for(ax, 10, 1.6 + 0.42 * max(data.num_tasks, 3))
    colours = task_colours(data.num_tasks)
    size = text_size(data.num_tasks)
    for segment in data.segments:
        _draw_segment(ax, segment, colours)
    for arc in data.arcs:
        _draw_arc(ax, arc)
    _label_founders(ax, data, colours, size)
    if data.winner is not None and data.winning_step is not None:
        ax.plot(
            data.winning_step, data.winner, "*", markersize=15, zorder=7,
            markerfacecolor="white", markeredgecolor="black",
            clip_on=False,
        )  # fmt: skip
    ax.set_ylim(data.num_tasks - 0.4, -0.6)
    ax.set_xlim(0, data.last_step)
    names = [
        f"task {task}" + (" (winner)" if task == data.winner else "")
        for task in range(data.num_tasks)
    ]
    ax.set_yticks(range(data.num_tasks), names, fontsize=size)
    if data.winner is not None:
        ax.get_yticklabels()[data.winner].set_weight("bold")
    ax.set_xlabel("training steps")
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0, pad=22)
    title = "lineage: colour and number of the first network's task"
    if data.winner is not None:
        title += "; bold: the winner's ancestry, \N{WHITE STAR}: the winner"
    ax.set_title(title, fontsize=10)
    return ax


def _draw_segment(ax: Axes, segment: Segment, colours: list[Any]) -> None:
    span = [segment.begin, segment.end]
    lane = [segment.task, segment.task]
    colour = colours[segment.founder]
    if segment.is_ancestor:
        ax.plot(span, lane, color="black", linewidth=10, zorder=3,
                solid_capstyle="butt")  # fmt: skip
        ax.plot(span, lane, color=colour, linewidth=6.5, zorder=4,
                solid_capstyle="butt")  # fmt: skip
        return
    ax.plot(span, lane, color=colour, linewidth=3, zorder=2,
            solid_capstyle="butt")  # fmt: skip


def _draw_arc(ax: Axes, arc: Arc) -> None:
    """A curve that leaves the donor level and arrives level."""
    t = np.linspace(0, 1, 25)
    x = arc.begin + (arc.end - arc.begin) * t
    y = arc.donor + (arc.receiver - arc.donor) * (3 * t**2 - 2 * t**3)
    if arc.is_ancestor:
        ax.plot(x, y, color="black", linewidth=2.6, zorder=5)
    else:
        ax.plot(x, y, color=FAINT, linewidth=0.7, zorder=1)


def _label_founders(
    ax: Axes, data: Lanes, colours: list[Any], size: float
) -> None:
    """At both ends of each lane, the number of its colour."""
    for task in range(data.num_tasks):
        for x, founder, offset, side in (
            (0, task, -4, "right"),
            (data.last_step, data.founders[task], 14, "left"),
        ):
            ax.annotate(
                str(founder), (x, task), xytext=(offset, 0),
                textcoords="offset points", va="center", ha=side,
                fontsize=size, color=ink_on(colours[founder]), zorder=6,
                annotation_clip=False,
                bbox=dict(boxstyle="round,pad=0.2", linewidth=0.5,
                          facecolor=colours[founder], edgecolor=INK),
            )  # fmt: skip
