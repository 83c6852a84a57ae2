"""The pictures of a run."""

from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from typing import Any
from typing import NamedTuple

from keras_amto import plots
from keras_amto.report.run_directory import RunDirectory


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
            "Every task's network on every validation set. The winner's row "
            "is ringed.",
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
