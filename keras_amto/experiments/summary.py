"""The report of a comparison: tables, CSV, JSON and pictures."""

import importlib.util
import json
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from typing import Any

from keras_amto import plots
from keras_amto.experiments.arms import ARMS
from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.results import load_results
from keras_amto.experiments.results import write_whole
from keras_amto.plots.canvas import save_picture
from keras_amto.report import RunDirectory
from keras_amto.report import read_json
from keras_amto.report import read_run
from keras_amto.report import run_pictures
from keras_amto.report import tell

_STUDIED = ("amto", "plp")  # each compared with all other arms

_NOTES = """\
Test accuracy is measured on data that no arm trained on, validated with or
selected by. `less sto` is the mean difference to `sto` on the same seeds, in
percentage points, with Student's 95 % interval. `p` is that of the two-sided
sign-flip test, for each comparison by itself: pure noise is below 0.05 in one
of twenty. The verdict is by `p` at 0.05; below six seeds `p` cannot be that
low, and there is no verdict. Gross and test sets of all seeds are drawn from
the same images. So seeds are not independent samples: interval and `p` say how
sure the mean is for these images, and are too confident about others.
`validation accuracy` is the figure by which the network was selected. For the
arms of AMTO it is optimistic: donors have trained on most of the samples that
it is measured on; `amto_holdout` selects by clean samples. Training steps count
all networks that were trained for an arm, including AMTO's shadows."""


def write_summary(directory: pathlib.Path) -> Comparison:
    """Writes report, CSV and JSON from the results in a directory."""
    comparison = Comparison(load_results(directory))
    if not comparison:
        raise ValueError(
            f"There is no comparison. Received: {str(directory)!r}. "
            "Expected: a directory with results."
        )
    for name, text in (
        ("runs.csv", comparison.to_csv()),
        ("runs.json", comparison.to_json()),
        ("report.md", "\n".join(_report(directory, comparison)) + "\n"),
    ):
        write_whole(directory / name, text.encode())
    return comparison


def _report(directory: pathlib.Path, comparison: Comparison) -> Iterator[str]:
    yield from ("# Comparison", "", comparison.table(), "", _NOTES, "")
    for arm in comparison:
        yield f"- `{arm}`: {ARMS[arm].text}."
    for arm in _STUDIED:
        if arm in comparison and len(comparison) > 1:
            yield f"\nWhat `{arm}` has over each other arm, by seed:\n"
            yield comparison.table_of_one(arm)
    if any(
        result.validation_accuracy is not None
        for results in comparison.values()
        for result in results.values()
    ):
        yield "\nThe figures by which networks were selected, and the"
        yield "same on test data (means over seeds):\n"
        yield comparison.table_of_selection()
    draws = importlib.util.find_spec("matplotlib") is not None
    if draws:
        comparing = partial(plots.comparison, comparison.test_accuracies)
        yield _picture(directory, "comparison", comparing)
    run = _first_run(directory)
    if run is not None:
        yield f"\n## One run: `{run.path.name}`\n"
        yield " ".join(tell(run))
        for picture in run_pictures(run) if draws else ():
            yield _picture(directory, picture.name, picture.draw)
    if not draws:
        yield "\nNo pictures: matplotlib is not installed."
    if (directory / "settings.json").exists():  # not beside a published table
        settings = read_json(directory / "settings.json")
        text = json.dumps(settings, indent=2)
        yield f"\n## Settings\n\n```json\n{text}\n```"


def _first_run(directory: pathlib.Path) -> RunDirectory | None:
    for arm in ARMS:
        found = directory.glob(f"{arm}-seed_*")
        for path in sorted(found, key=lambda p: int(p.name.split("_")[-1])):
            return read_run(path)
    return None


def _picture(
    directory: pathlib.Path, name: str, draw: Callable[[], Any]
) -> str:
    save_picture(draw, directory / f"{name}.png", "png", dpi=90)
    return f"\n![{name}]({name}.png)"
