"""The table of a comparison, and its report with pictures."""

import functools
import importlib.util
import json
import pathlib
from collections.abc import Iterator

from keras_amto import plots
from keras_amto.arm_texts import ARM_TEXTS
from keras_amto.comparison.arms import ARMS
from keras_amto.comparison.files import write_whole
from keras_amto.comparison.results import Comparison
from keras_amto.comparison.store import ResultStore
from keras_amto.plots.canvas import save_picture
from keras_amto.report import RunDirectory
from keras_amto.report import read_run
from keras_amto.report.story import tell

_DPI = 90

# The arms that are to show that they beat all others.
_STUDIED = ("amto", "plp")

_NOTES = """\
Test accuracy is measured on data that no arm trained on, validated with or
selected by. `less sto` is the mean difference to `sto` on the same seeds, in
percentage points, with Student's 95 % interval. `p` is that of the two-sided
sign-flip test, of each comparison by itself: of twenty that are nothing but
noise one is below 0.05. The verdict is by it at 0.05; below six seeds it cannot
be that low, and there is no verdict. Gross and test sets of all seeds are drawn
from the same images. So seeds are not independent samples: interval and `p` say
how sure the mean is for these images, and are too confident about others.
`validation accuracy` is the figure by which the
network was selected. For the arms of AMTO it is optimistic: donors have trained
on most of the samples that it is measured on; `amto_holdout` selects by clean
samples. Training steps count all networks that were trained for an arm, AMTO's
shadows among them."""


def write_summary(directory: pathlib.Path) -> Comparison:
    """Writes table, CSV, JSON and report from the results that are there.

    Args:
        directory: That of a comparison.

    Returns:
        The `Comparison`.

    Raises:
        ValueError: if it holds no result.
    """
    store = ResultStore(directory)
    results = {
        arm: {
            seed: result
            for seed in store.seeds(arm)
            if (result := store.load(arm, seed)) is not None
        }
        for arm in ARMS
    }
    comparison = Comparison({a: r for a, r in results.items() if r})
    if not comparison:
        raise ValueError(
            f"There is no comparison. Received: {str(directory)!r}. "
            "Expected: a directory with results."
        )
    write_whole(directory / "runs.csv", comparison.to_csv().encode())
    write_whole(directory / "runs.json", comparison.to_json().encode())
    text = "\n".join(_report(directory, comparison)) + "\n"
    write_whole(directory / "report.md", text.encode())
    return comparison


def _report(directory: pathlib.Path, comparison: Comparison) -> Iterator[str]:
    yield from ("# Comparison", "", comparison.table(), "", _NOTES, "")
    for arm in comparison:
        yield f"- `{arm}`: {ARM_TEXTS[arm]}."
    for arm in _STUDIED:
        if arm in comparison and len(comparison) > 1:
            yield from ("", f"What `{arm}` has over each other arm, by seed:")
            yield from ("", comparison.table_of_one(arm))
    if any(row.validation is not None for row in comparison.rows()):
        yield from ("", "By what networks were selected, and the same on test")
        yield from ("data (means over seeds):", "")
        yield comparison.table_of_selection()
    draws = importlib.util.find_spec("matplotlib") is not None
    if draws:
        save_picture(
            functools.partial(plots.comparison, comparison.test_accuracies),
            directory / "comparison.png",
            "png",
            _DPI,
        )
        yield from ("", "![test accuracy by arm](comparison.png)")
    run = _first_run(directory)
    if run is not None:
        yield from ("", f"## One run: `{run.path.name}`", "")
        yield " ".join(tell(run))
        if draws:
            for name in _draw(run, directory):
                yield from ("", f"![{name}]({name}.png)")
    if not draws:
        yield from ("", "No pictures: matplotlib is not installed.")
    yield from ("", "## Settings", "", "```json")
    settings = json.loads((directory / "settings.json").read_text("utf-8"))
    yield from (json.dumps(settings, indent=2), "```")


def _first_run(directory: pathlib.Path) -> RunDirectory | None:
    for arm in ARMS:
        found = sorted(
            directory.glob(f"{arm}-seed_*"),
            key=lambda path: int(path.name.rpartition("_")[2]),
        )
        if found:
            return read_run(found[0])
    return None


def _draw(run: RunDirectory, directory: pathlib.Path) -> Iterator[str]:
    if run.finalists is None:
        return
    winner = run.finalists.winner
    pictures = {
        "lineage": functools.partial(plots.lineage, run.ledger, winner),
        "curves": functools.partial(plots.curves, run.ledger, winner),
        "relationships": functools.partial(plots.relationships, run.ledger),
        "entropy": functools.partial(plots.entropy, run.ledger),
        "finalists": functools.partial(plots.finalists, run.finalists),
    }
    for name, draw in pictures.items():
        save_picture(draw, directory / f"{name}.png", "png", _DPI)
        yield name
