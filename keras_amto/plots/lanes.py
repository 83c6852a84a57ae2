"""Who descends from whom: what the picture of it shows."""

from typing import NamedTuple

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_task
from keras_amto.ledger import Ledger
from keras_amto.ledger import Lineage
from keras_amto.plots.canvas import require_rounds


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
        num_tasks: Integer, M.
        last_step: Integer, where the lanes end.
        segments: List of `Segment`s.
        arcs: List of `Arc`s.
        founders: List of M integers, the founder of each task's last master.
        winner: Integer or `None`.
        winning_step: Integer, the step at which the winner was as it won, or
            `None`.
    """

    num_tasks: int
    last_step: int
    segments: list[Segment]
    arcs: list[Arc]
    founders: list[int]
    winner: int | None
    winning_step: int | None


def lineage_data(
    ledger: Ledger,
    winner: int | None = None,
    restore_best_weights: bool = True,
) -> Lanes:
    """Returns what `lineage` draws.

    Args:
        ledger: A `Ledger`, from the first round on.
        winner: Integer, the task that won, or `None`. Defaults to `None`.
        restore_best_weights: Boolean, as the `AMTOCallback` had it: whether the
            winner is its task's network of lowest validation loss, which is
            traced back from where it was found, rather than its last one.
            Defaults to `True`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or there is no such task.
    """
    require_rounds(ledger)
    num_tasks = len(ledger[0].accepted)
    if winner is not None:
        winner = check_task("winner", winner, num_tasks)
    restore_best_weights = check_boolean(
        "restore_best_weights", restore_best_weights
    )
    networks = Lineage(ledger).networks
    founders: list[int] = []
    for each in networks:  # ancestors come first
        founders.append(
            each.task if each.ancestor is None else founders[each.ancestor]
        )
    last_step = ledger[-1].step
    line: dict[int, int] = {}  # ancestors, and until when they matter
    winning_step = None
    if winner is not None:
        count = len(ledger)
        if restore_best_weights:
            count = _best_round(ledger, winner) + 1
        winning_step = ledger[count - 1].step
        line = _ancestry(ledger, count, winner)
    starts = [0, *(record.step for record in ledger)]
    begin_of = dict(zip(starts[1:], starts, strict=False))
    segments, arcs = [], []
    for each in networks:
        end = each.destruction_step
        end = last_step if end is None else end
        bold_until = line.get(each.id)
        if bold_until is None:
            segments.append(
                Segment(
                    each.task, each.origin_step, end, founders[each.id], False
                )
            )
        else:
            parts = ((each.origin_step, bold_until, True),
                     (bold_until, end, False))  # fmt: skip
            segments.extend(
                Segment(each.task, a, b, founders[each.id], bold)
                for a, b, bold in parts
                if b > a or bold
            )
        if each.ancestor is not None:
            arcs.append(
                Arc(
                    networks[each.ancestor].task,
                    each.task,
                    begin_of[each.origin_step],
                    each.origin_step,
                    each.id in line,
                )
            )
    last = {n.task: n.id for n in networks if n.destruction_step is None}
    return Lanes(
        num_tasks=num_tasks,
        last_step=last_step,
        segments=segments,
        arcs=arcs,
        founders=[founders[last[task]] for task in range(num_tasks)],
        winner=winner,
        winning_step=winning_step,
    )


def _best_round(ledger: Ledger, task: int) -> int:
    """The round whose end gave a task its best network."""
    improved = [i for i, r in enumerate(ledger) if r.wait[task] == 0]
    return improved[-1] if improved else len(ledger) - 1


def _ancestry(ledger: Ledger, count: int, winner: int) -> dict[int, int]:
    """The winner's line as of some rounds: each one, and until which step."""
    line = Lineage(ledger[:count]).ancestry(winner)
    starts = [0, *(record.step for record in ledger)]
    before = dict(zip(starts[1:], starts, strict=False))
    # A donor's network matters until the shadow started from it.
    ends = [before[child.origin_step] for child in line[1:]]
    ends.append(ledger[count - 1].step)
    return {each.id: end for each, end in zip(line, ends, strict=True)}
