"""Who descends from whom: one lane for each task."""

from typing import Any
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_task
from keras_amto.ledger import Ledger
from keras_amto.ledger import Lineage
from keras_amto.plots import canvas


class Segment(NamedTuple):
    """A stretch of a lane in which one network was the task's master.

    Attributes:
        task: Integer, the lane.
        begin: Integer, in training steps.
        end: Integer, in training steps.
        founder: Integer, the task whose first network it descends from.
        is_ancestor: Boolean, whether it is the winner or an ancestor of it.
    """

    task: int
    begin: int
    end: int
    founder: int
    is_ancestor: bool


class Arc(NamedTuple):
    """A transfer that was accepted.

    Attributes:
        donor: Integer, the task whose network the shadow started from.
        receiver: Integer, the task whose master it replaced.
        begin: Integer, the step at which the shadow started.
        end: Integer, the step at which it was accepted.
        is_ancestor: Boolean, whether the winner descends through it.
    """

    donor: int
    receiver: int
    begin: int
    end: int
    is_ancestor: bool


class Lanes(NamedTuple):
    """What `lineage` draws.

    Attributes:
        last_step: Integer, where the lanes end.
        segments: List of `Segment`s.
        arcs: List of `Arc`s.
        founders: List of M integers, the founder of each task's last master.
        winner: Integer or `None`.
        winning_step: Integer, the step at which the winning network was as it
            won, or `None`.
    """

    last_step: int
    segments: list[Segment]
    arcs: list[Arc]
    founders: list[int]
    winner: int | None
    winning_step: int | None


def lineage_data(
    ledger: Ledger, winner: int | None = None, restore_best_weights: bool = True
) -> Lanes:
    """Returns what `lineage` draws; takes and raises the same."""
    canvas.check_ledger(ledger)
    if winner is not None:
        winner = check_task("winner", winner, len(ledger[0].accepted))
    check_boolean("restore_best_weights", restore_best_weights)
    steps = [0, *(record.step for record in ledger)]
    # The step at which the shadows started that were validated at another.
    start = dict(zip(steps[1:], steps[:-1], strict=True))
    line: dict[int, int] = {}  # the winner's ancestors, and until which step
    winning_step = None
    if winner is not None:
        count = len(ledger)
        if restore_best_weights:
            improved = [i for i in range(count) if ledger[i].wait[winner] == 0]
            count = improved[-1] + 1 if improved else count
        winning_step = steps[count]
        ancestry = Lineage(ledger[:count]).ancestry(winner)
        # A donor's network is an ancestor until the shadow started from it.
        starts = [start[child.origin_step] for child in ancestry[1:]]
        for each, until in zip(ancestry, [*starts, winning_step], strict=True):
            line[each.id] = until
    whole = Lineage(ledger)
    founders: list[int] = []  # of each network
    segments, arcs = [], []
    for each in whole.networks:  # ancestors come first
        begin, founder = each.origin_step, each.task
        destruction = each.destruction_step
        end = steps[-1] if destruction is None else destruction
        if each.ancestor is not None:
            founder = founders[each.ancestor]
            donor = whole.networks[each.ancestor].task
            arcs.append(
                Arc(donor, each.task, start[begin], begin, each.id in line)
            )
        founders.append(founder)
        if each.id in line:
            bold = (begin, line[each.id])
            segments.append(Segment(each.task, *bold, founder, True))
            begin = line[each.id]
        if begin < end:
            segments.append(Segment(each.task, begin, end, founder, False))
    return Lanes(
        last_step=steps[-1],
        segments=segments,
        arcs=arcs,
        founders=[founders[network] for network in whole.living],
        winner=winner,
        winning_step=winning_step,
    )


def lineage(
    ledger: Ledger,
    winner: int | None = None,
    restore_best_weights: bool = True,
    ax: canvas.Axes | None = None,
) -> canvas.Axes:
    """Draws a lane for each task, and arcs where networks were transferred.

    A lane has the colour of the task whose first network its master descends
    from; where a shadow won it takes the donor's colour. The winner and its
    ancestry are bold. The numbers at both ends of a lane name these tasks.

    Args:
        ledger: A `Ledger`, from the first round on.
        winner: Integer, the task that won, or `None` for no bold line. Defaults
            to `None`.
        restore_best_weights: Boolean, as the `AMTOCallback` had it: whether the
            winner is its task's network of lowest validation loss, traced back
            from where it was found, rather than its last one. Defaults to
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
    num_tasks = len(data.founders)
    ax = canvas.axes_for(ax, 10, 1.6 + 0.42 * max(num_tasks, 3))
    size = canvas.text_size(num_tasks)
    _draw_lanes(ax, data, size)
    title = "lineage: colour and number of the first network's task"
    if data.winner is not None:
        title += "; bold: the winner's ancestry, \N{WHITE STAR}: the winner"
        ax.plot(
            data.winning_step, data.winner, "*k", markersize=15,
            markerfacecolor="white", clip_on=False, zorder=7,
        )  # fmt: skip
    ax.set_title(title, fontsize=10)
    ax.set_ylim(num_tasks - 0.4, -0.6)
    ax.set_xlim(0, data.last_step)
    ax.set_xlabel("training steps")
    canvas.name_rows(ax, num_tasks, data.winner, size)
    ax.tick_params(axis="y", length=0, pad=22)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def _draw_lanes(ax: canvas.Axes, data: Lanes, size: float) -> None:
    colours = canvas.task_colours(len(data.founders))
    for task, begin, end, founder, is_ancestor in data.segments:
        lines = [(3.0, colours[founder], 2)]
        if is_ancestor:
            lines = [(10.0, "black", 3), (6.5, colours[founder], 4)]
        for width, colour, order in lines:
            ax.plot(
                [begin, end], [task, task], color=colour, linewidth=width,
                solid_capstyle="butt", zorder=order,
            )  # fmt: skip
    t = np.linspace(0, 1, 25)
    for arc in data.arcs:  # it leaves the donor level, and arrives level
        steps = arc.begin + (arc.end - arc.begin) * t
        lanes = arc.donor + (arc.receiver - arc.donor) * (3 - 2 * t) * t**2
        style: dict[str, Any] = dict(
            color=canvas.FAINT, linewidth=0.7, zorder=1
        )
        if arc.is_ancestor:
            style = dict(color="black", linewidth=2.6, zorder=5)
        ax.plot(steps, lanes, **style)
    for task, last in enumerate(data.founders):
        for x, founder, offset, side in (
            (0, task, -4, "right"),
            (data.last_step, last, 14, "left"),
        ):
            ax.annotate(
                str(founder), (x, task), xytext=(offset, 0),
                textcoords="offset points", va="center", ha=side,
                fontsize=size, color=canvas.ink_on(colours[founder]), zorder=6,
                annotation_clip=False,
                bbox=dict(boxstyle="round,pad=0.2", linewidth=0.5,
                          facecolor=colours[founder], edgecolor=canvas.INK),
            )  # fmt: skip
