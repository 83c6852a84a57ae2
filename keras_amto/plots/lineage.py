"""Who descends from whom: one lane for each task."""

import itertools
from typing import NamedTuple

import numpy as np

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_task
from keras_amto.ledger import Ledger
from keras_amto.ledger import Lineage
from keras_amto.plots import canvas


class Segment(NamedTuple):
    """A stretch of a lane in which one network was the task's master."""

    task: int
    begin: int  # a training step
    end: int
    founder: int  # the task whose first network it descends from
    is_ancestor: bool  # of the winner, or the winner itself


class Arc(NamedTuple):
    """A transfer that was accepted."""

    donor: int  # the task whose network the shadow started from
    receiver: int  # the task whose master it replaced
    begin: int  # the step at which the shadow started
    end: int  # the step at which it was accepted
    is_ancestor: bool  # whether the winner descends through it


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

    Example:

    ```python
    lanes = keras_amto.plots.lineage_data(model.ledger, model.best_task)
    print(len(set(lanes.founders)))  # how many first networks live on
    ```
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
    """Returns what `lineage` draws.

    Args:
        ledger: A `Ledger`, from the first round on.
        winner: Integer, the task that won, or `None`. Defaults to `None`.
        restore_best_weights: Boolean, as the `AMTOCallback` had it. Defaults to
            `True`.

    Returns:
        The `Lanes`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or there is no such task.

    Example:

    ```python
    data = keras_amto.plots.lineage_data(model.ledger, model.best_task)
    print(data.founders)
    ```
    """
    canvas.check_ledger(ledger)
    if winner is not None:
        winner = check_task("winner", winner, len(ledger[0].accepted))
    check_boolean("restore_best_weights", restore_best_weights)
    steps = [0, *(record.step for record in ledger)]
    # The step at which the shadows started that were validated at another.
    start = {end: begin for begin, end in itertools.pairwise(steps)}
    line: dict[int, int] = {}  # the winner's ancestors, and until which step
    winning_step = None
    if winner is not None:
        last = len(ledger)
        if restore_best_weights:
            waits = [record.wait[winner] for record in ledger]
            last = max(
                (i for i, w in enumerate(waits, 1) if not w), default=last
            )
        winning_step = steps[last]
        ancestry = Lineage(ledger[:last]).ancestry(winner)
        for parent, child in itertools.pairwise(ancestry):
            # An ancestor until the shadow started from it.
            line[parent.id] = start[child.origin_step]
        line[ancestry[-1].id] = winning_step
    whole = Lineage(ledger)
    founders: list[int] = []  # of each network
    segments, arcs = [], []
    for each in whole.networks:  # ancestors come first
        task, begin, founder = each.task, each.origin_step, each.task
        end = each.destruction_step
        end = steps[-1] if end is None else end
        if each.ancestor is not None:
            founder = founders[each.ancestor]
            donor = whole.networks[each.ancestor].task
            arcs.append(Arc(donor, task, start[begin], begin, each.id in line))
        founders.append(founder)
        if each.id in line:
            segments.append(Segment(task, begin, line[each.id], founder, True))
            begin = line[each.id]
        if begin < end:
            segments.append(Segment(task, begin, end, founder, False))
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
            data.winning_step, data.winner, "*", markersize=15,
            color=canvas.ink(), markerfacecolor=canvas.paper(),
            clip_on=False, zorder=7,
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
    ink, colours = canvas.ink(), canvas.colours(len(data.founders))
    for task, begin, end, founder, is_ancestor in data.segments:
        lines = [(3.0, colours[founder], 2)]
        if is_ancestor:
            lines = [(10.0, ink, 3), (6.5, colours[founder], 4)]
        for width, colour, order in lines:
            ax.plot(
                [begin, end], [task, task], color=colour, linewidth=width,
                solid_capstyle="butt", zorder=order,
            )  # fmt: skip
    t = np.linspace(0, 1, 25)
    for arc in data.arcs:  # it leaves the donor level, and arrives level
        steps = arc.begin + (arc.end - arc.begin) * t
        lanes = arc.donor + (arc.receiver - arc.donor) * (3 - 2 * t) * t**2
        colour, width, order = canvas.FAINT, 0.7, 1
        if arc.is_ancestor:
            colour, width, order = ink, 2.6, 5
        ax.plot(steps, lanes, color=colour, linewidth=width, zorder=order)
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
                          facecolor=colours[founder], edgecolor=ink),
            )  # fmt: skip
