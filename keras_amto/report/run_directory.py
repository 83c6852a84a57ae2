"""Writing a run to its directory, and reading it back."""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import filelock

from keras_amto.ledger import Finalists
from keras_amto.ledger import Ledger

_SETTINGS = "settings.json"
_LEDGER = "ledger.jsonl"
_FINALISTS = "finalists.json"
_METRICS = "metrics.json"
_LOCK = ".lock"
UNFINISHED = ".unfinished-"  # so begins the directory of a run under way
_FILES = (_SETTINGS, _LEDGER, _FINALISTS, _METRICS)


@dataclasses.dataclass(frozen=True, eq=False)
class RunDirectory:
    """What a run's directory holds, and the names of the files that it lacks.

    A part that is missing is `None`, a ledger empty.
    """

    path: pathlib.Path
    settings: Mapping[str, Any] | None
    ledger: Ledger
    finalists: Finalists | None
    metrics: Mapping[str, Any] | None
    missing: list[str]

    @property
    def restored(self) -> bool:
        """Whether candidates were the networks of lowest validation loss."""
        return bool((self.settings or {}).get("restore_best_weights", True))


class LedgerFound(NamedTuple):
    """A ledger's file: when it was last written, and how long it is."""

    time: float  # seconds since the epoch
    size: int  # bytes
    place: pathlib.Path  # the directory that holds it


def read_run(path: Any) -> RunDirectory:
    """Reads a run's directory.

    Raises a ValueError if there is neither ledger nor finalists, or a file is
    damaged.
    """
    path = pathlib.Path(path)
    missing = [name for name in _FILES if not (path / name).is_file()]
    if _LEDGER in missing and _FINALISTS in missing:
        raise ValueError(
            f"There is no run to report. Received: {str(path)!r}. "
            f"Expected: a directory that holds {_LEDGER} or {_FINALISTS}."
        )
    ledger = Ledger() if _LEDGER in missing else Ledger.load(path / _LEDGER)
    finalists = None
    if _FINALISTS not in missing:
        text = (path / _FINALISTS).read_text("utf-8")
        finalists = Finalists.from_json(text)
    settings, metrics = (
        None if name in missing else read_json(path / name)
        for name in (_SETTINGS, _METRICS)
    )
    return RunDirectory(path, settings, ledger, finalists, metrics, missing)


def lock_of(place: pathlib.Path) -> filelock.FileLock:
    """Returns the lock that is held while a run is written to a directory."""
    return filelock.FileLock(place / _LOCK)


def is_under_way(place: pathlib.Path) -> bool:
    """Says whether the process that writes a run to a directory is alive."""
    if not (place / _LOCK).exists():
        return False
    try:
        with lock_of(place).acquire(blocking=False):
            return False
    except filelock.Timeout:
        return True


def newest_ledger(path: Any) -> LedgerFound:
    """Finds the ledger of a run, or of a newer one that is under way in it.

    Raises a ValueError if there is none.
    """
    path = pathlib.Path(path)
    found = []
    places = list(path.glob(f"{UNFINISHED}*"))
    if (path / _LEDGER).exists():  # then it is what a killed one never became
        places = [place for place in places if is_under_way(place)]
    # `path` last: a run that is moved there meanwhile is then found.
    for place in (*places, path):
        with contextlib.suppress(FileNotFoundError):
            status = (place / _LEDGER).stat()
            found.append(LedgerFound(status.st_mtime, status.st_size, place))
    if not found:
        raise ValueError(
            f"There is no run to watch. Received: {str(path)!r}. "
            f"Expected: a directory that holds {_LEDGER}, or the output "
            "directory of `train` while it trains."
        )
    return max(found)


def save_run(
    path: Any,
    settings: Mapping[str, Any],
    ledger: Ledger,
    finalists: Finalists | None,
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Writes what `read_run` reads; `settings` and `metrics` as JSON."""
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    ledger.save(path / _LEDGER)
    if finalists is not None:
        (path / _FINALISTS).write_text(finalists.to_json() + "\n", "utf-8")
    save_figures(path, settings, metrics)


def save_figures(
    path: pathlib.Path,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
) -> None:
    """Writes the settings of a run and the figures of its test."""
    for name, values in ((_SETTINGS, settings), (_METRICS, metrics)):
        if values is not None:
            text = json.dumps(dict(values), indent=2) + "\n"
            (path / name).write_text(text, "utf-8")


def read_json(path: pathlib.Path) -> Mapping[str, Any]:
    """Reads an object from a file of a run, or raises a ValueError."""
    try:
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is not an object")
    except ValueError as error:
        raise ValueError(
            f"A file of the run is damaged: {error}. Received: {str(path)!r}. "
            "Expected: a JSON object."
        ) from error
    return values
