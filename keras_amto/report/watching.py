"""A page that follows a run under way."""

import dataclasses
import pathlib
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from keras_amto.arguments import check_number
from keras_amto.arguments import wrong_value
from keras_amto.report.page import page_body
from keras_amto.report.page import page_path
from keras_amto.report.page import page_title
from keras_amto.report.page import write_page
from keras_amto.report.run_directory import RunDirectory
from keras_amto.report.run_directory import newest_ledger
from keras_amto.report.run_directory import read_run
from keras_amto.report.story import count

_SHARE = 0.1  # of a core at most is spent on drawing: others train


def watch_run(
    run_dir: Any, path: Any = None, seconds: float = 5
) -> Iterator[pathlib.Path]:
    """Writes the page about a run again whenever its ledger has grown.

    The page asks the browser to load it again after `seconds`, until the run is
    complete or watching ends. Drawing that takes long is done less often.

    Args:
        run_dir: The directory that `train` writes to, or that of a
            `PopulationBackup`, which is never complete.
        path: As in `write_report`.
        seconds: Float above 0, how often to look. Defaults to `5`.

    Yields:
        The path, each time that the page was written.

    Raises:
        ValueError: if there is no run, or not any more, or a file in it is
            damaged.
    """
    run_dir, path = pathlib.Path(run_dir), page_path(run_dir, path)
    if check_number("seconds", seconds) <= 0:
        raise wrong_value("seconds", seconds, "is too small", "more than 0")
    title, body, seen = "", "", None
    try:
        while True:
            began = time.monotonic()
            newest = newest_ledger(run_dir)
            run = None if newest == seen else _read(newest.place, run_dir)
            if run is not None:
                title, body, seen = page_title(run), page_body(run), newest
                if newest.place == run_dir and run.finalists is not None:
                    break
                rounds = count(len(run.ledger), "round")
                note = _note(newest.time, seconds)
                reload = max(1, round(seconds))
                write_page(path, f"{title}, {rounds}", note + body, reload)
                yield path
            took = time.monotonic() - began
            time.sleep(max(seconds, took / _SHARE))
    finally:
        if body:  # no newer page will come
            write_page(path, title, body)
    yield path


def _read(place: pathlib.Path, run_dir: pathlib.Path) -> RunDirectory | None:
    """Returns the run, `None` if it was moved while it was read."""
    try:
        with warnings.catch_warnings():
            # A round that is just being written comes with the next page.
            warnings.filterwarnings("ignore", "Line .* is cut short")
            return dataclasses.replace(read_run(place), path=run_dir)
    except (FileNotFoundError, ValueError):
        if newest_ledger(run_dir).place == place:
            raise
        return None


def _note(time: float, seconds: float) -> str:
    last = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f'<p class="note">Under way: the ledger was last written at {last}. '
        f"This page loads itself again every {seconds:g} seconds.</p>\n"
    )
