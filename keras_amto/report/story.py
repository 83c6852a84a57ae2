"""A run in sentences and pictures: who won, and where it came from."""

from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from typing import Any
from typing import NamedTuple

from keras_amto import plots
from keras_amto.ledger import Ledger
from keras_amto.report.run_directory import RunDirectory

_SHOWN = 12  # tasks on the winner's path that are written out


def tell(run: RunDirectory) -> Iterator[str]:
    """Yields sentences about a run."""
    ledger, finalists = run.ledger, run.finalists
    if finalists is not None:
        title = plots.finalists_data(finalists).title
        title = title.replace("\n(", " (").replace("\n", "; ")
        yield f"The {title}."
    if not ledger:
        return
    num_tasks = len(ledger[0].accepted)
    yield (
        f"{count(num_tasks, 'task')} trained for {ledger[-1].step} steps "
        f"in {count(len(ledger), 'round')}."
    )
    if ledger[0].donors is None:
        return
    trials = num_tasks * len(ledger)
    accepted = sum(int(record.accepted.sum()) for record in ledger)
    yield (
        f"{accepted} of {trials} shadows replaced their master "
        f"({100 * accepted / trials:.0f} %)."
    )
    if finalists is not None:
        yield _ancestry(ledger, finalists.winner, run.restored)


def _ancestry(ledger: Ledger, winner: int, restored: bool) -> str:
    data = plots.lineage_data(ledger, winner, restored)
    moves = [arc for arc in data.arcs if arc.is_ancestor]
    if not moves:
        return (
            f"The winner descends from task {winner}'s own first network and "
            "was never transferred."
        )
    path = [f"task {moves[0].donor}"]
    path += [f"task {arc.receiver} (step {arc.end})" for arc in moves]
    if len(path) > _SHOWN:
        left = len(path) - _SHOWN
        path[1 : -(_SHOWN - 2)] = [f"{left + 1} more"]
    return (
        f"The winner descends from task {moves[0].donor}'s first network. "
        f"Its path: {', '.join(path)}; its weights are those of step "
        f"{data.winning_step}."
    )


def count(number: int, noun: str) -> str:
    """Returns a number of things in words."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


class RunPicture(NamedTuple):
    """A picture, and the function that draws it into new axes."""

    name: str
    title: str
    caption: str
    draw: Callable[[], Any]


def run_pictures(run: RunDirectory) -> Iterator[RunPicture]:
    """Yields the pictures of what a run's directory holds."""
    ledger, finalists = run.ledger, run.finalists
    winner = None if finalists is None else finalists.winner
    if finalists is not None:
        yield RunPicture(
            "finalists",
            "Finalists",
            "Every task's network on every validation set. What the model "
            "answers with is ringed.",
            partial(plots.finalists, finalists),
        )
    if not ledger:
        return
    several_tasks = ledger[0].donors is not None
    if several_tasks:
        yield RunPicture(
            "lineage",
            "Lineage",
            "A lane for each task over training. Where a shadow won, the lane "
            "takes the donor's colour; the number is that of the task whose "
            "first network it descends from. Bold: the winner and its "
            "ancestry.",
            partial(plots.lineage, ledger, winner, run.restored),
        )
    yield RunPicture(
        "curves",
        "Validation losses",
        "Solid: the task's master. Faint: its shadows, each trial a mark, "
        "filled where the shadow replaced the master.",
        partial(plots.curves, ledger, winner),
    )
    if several_tasks:
        yield RunPicture(
            "relationships",
            "Relationships",
            "What each task has gained from each other, and how often it "
            "tried that donor and kept the shadow. Hatched: no value.",
            partial(plots.relationships, ledger),
        )
        yield RunPicture(
            "entropy",
            "Entropy of the donor choice",
            "High while all donors are equally likely; it falls as tasks come "
            "to prefer some.",
            partial(plots.entropy, ledger),
        )
