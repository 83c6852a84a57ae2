"""A run in sentences: who won, and where it came from."""

from collections.abc import Iterator

from keras_amto.ledger import Ledger
from keras_amto.plots import finalists_data
from keras_amto.plots import lineage_data
from keras_amto.report.run_directory import RunDirectory

_SHOWN = 12  # tasks on the winner's path that are written out


def tell(run: RunDirectory) -> Iterator[str]:
    """Yields sentences about a run."""
    ledger, finalists = run.ledger, run.finalists
    if finalists is not None:
        title = " ".join(finalists_data(finalists).title.split())
        yield f"The {title}."
    if not ledger:
        return
    num_tasks = len(ledger[0].accepted)
    yield (
        f"{_count(num_tasks, 'task')} trained for {ledger[-1].step} steps "
        f"in {_count(len(ledger), 'round')}."
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
    data = lineage_data(ledger, winner, restored)
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
