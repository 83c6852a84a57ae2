"""What a run leaves in its directory, and reading it back."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_amto.ledger import Finalists
from keras_amto.ledger import Ledger

_SETTINGS = "settings.json"
_LEDGER = "ledger.jsonl"
_FINALISTS = "finalists.json"
_METRICS = "metrics.json"


@dataclasses.dataclass(frozen=True, eq=False)
class RunDirectory:
    """What was found of a run. Each part may be missing.

    Attributes:
        path: Where.
        settings: Mapping of settings by name, or `None`.
        ledger: A `Ledger`, empty where there is none.
        finalists: The table of the winner's choice, or `None`.
        metrics: Mapping of test metrics by name, or `None`.
        missing: List of strings, the files that were not there.
    """

    path: pathlib.Path
    settings: Mapping[str, Any] | None
    ledger: Ledger
    finalists: Finalists | None
    metrics: Mapping[str, Any] | None
    missing: list[str]


def read_run(path: Any) -> RunDirectory:
    """Reads a run's directory.

    Args:
        path: A directory with `ledger.jsonl`, and where there are such
            `settings.json`, `finalists.json` and `metrics.json`.

    Returns:
        A `RunDirectory`.

    Raises:
        ValueError: if there is no such directory, neither ledger nor finalists
            in it, or a file in it is damaged.
    """
    path = pathlib.Path(path)
    present = {
        name: path / name
        for name in (_SETTINGS, _LEDGER, _FINALISTS, _METRICS)
        if (path / name).is_file()
    }
    if _LEDGER not in present and _FINALISTS not in present:
        raise ValueError(
            f"There is no run to report. Received: {str(path)!r}. "
            f"Expected: a directory that holds {_LEDGER} or {_FINALISTS}."
        )
    return RunDirectory(
        path=path,
        settings=_mapping(present.get(_SETTINGS)),
        ledger=Ledger.load(present[_LEDGER])
        if _LEDGER in present
        else Ledger(),
        finalists=(
            Finalists.from_json(present[_FINALISTS].read_text("utf-8"))
            if _FINALISTS in present
            else None
        ),
        metrics=_mapping(present.get(_METRICS)),
        missing=[
            name
            for name in (_SETTINGS, _LEDGER, _FINALISTS, _METRICS)
            if name not in present
        ],
    )


def save_run(
    path: Any,
    settings: Mapping[str, Any],
    ledger: Ledger,
    finalists: Finalists | None,
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Writes what `read_run` reads.

    Args:
        path: The directory, made where it is not there.
        settings: Mapping of settings by name, of what JSON can hold.
        ledger: A `Ledger`.
        finalists: The table of the winner's choice, or `None`.
        metrics: Test metrics by name, or `None`. Defaults to `None`.
    """
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    (path / _SETTINGS).write_text(_json(settings), "utf-8")
    ledger.save(path / _LEDGER)
    if finalists is not None:
        (path / _FINALISTS).write_text(finalists.to_json() + "\n", "utf-8")
    if metrics is not None:
        (path / _METRICS).write_text(_json(metrics), "utf-8")


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), indent=2) + "\n"


def _mapping(path: pathlib.Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no names")
    except ValueError as error:
        raise ValueError(
            f"A file of the run is damaged: {error}. Received: {str(path)!r}. "
            "Expected: a JSON object."
        ) from error
    return values
