"""The results of arms and the networks behind them, as values and as files."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_amto.experiments.arms import ARMS
from keras_amto.experiments.data import Array


@dataclasses.dataclass(frozen=True)
class Result:
    """One arm on one seed.

    Attributes:
        seed: Integer.
        test_accuracy: Float in [0, 1].
        test_loss: Float, the mean cross-entropy.
        validation_accuracy: Float in [0, 1], the figure that it was selected
            by, or `None` if nothing was selected.
        validation_loss: Float, likewise.
        training_steps: Integer, of all networks trained for it, each of a
            batch of the comparison's size.
        sequential_steps: Integer, those that follow one another where as many
            networks train at a time as AMTO has, masters and shadows.
        seconds: Float, of training and selecting, on one device.
    """

    seed: int
    test_accuracy: float
    test_loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    training_steps: int
    sequential_steps: int
    seconds: float

    @property
    def parallel_seconds(self) -> float:
        """Seconds where steps run side by side: counted, not measured."""
        return self.seconds * self.sequential_steps / self.training_steps


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A result, the predictions on the test set, and the weights behind it."""

    result: Result
    predictions: Array
    weights: list[Array]

    def save(self, path: pathlib.Path) -> None:
        """Writes the run to an `.npz` file."""
        result = json.dumps(dataclasses.asdict(self.result))
        file = io.BytesIO()
        np.savez(
            file, *self.weights, result=result, predictions=self.predictions
        )
        write_whole(path, file.getvalue())

    @classmethod
    def load(cls, path: pathlib.Path) -> "Run":
        """Reads what `save` wrote."""
        with np.load(path) as file:
            result = Result(**json.loads(str(file["result"])))
            weights = [file[f"arr_{i}"] for i in range(len(file.files) - 2)]
            return cls(result, file["predictions"], weights)


def save_result(directory: pathlib.Path, arm: str, result: Result) -> None:
    """Writes a result to a comparison's directory."""
    path = directory / "runs" / f"{arm}-seed_{result.seed}.json"
    text = json.dumps(dataclasses.asdict(result)) + "\n"
    write_whole(path, text.encode())


def load_results(directory: pathlib.Path) -> dict[str, dict[int, Result]]:
    """Returns the results in a comparison's directory, by arm and seed.

    Those are the files of single runs and, for what has none, the lines of
    `runs.csv`: a table that was published can be continued.

    Raises a ValueError if a file is damaged.
    """
    table = directory / "runs.csv"
    found = read_table(table) if table.exists() else {}
    for arm in ARMS:
        for path in (directory / "runs").glob(f"{arm}-seed_*.json"):
            with _naming(path):
                result = Result(**json.loads(path.read_text("utf-8")))
            found.setdefault(arm, {})[result.seed] = result
    return {
        arm: dict(sorted(found[arm].items())) for arm in ARMS if arm in found
    }


def read_table(path: pathlib.Path) -> dict[str, dict[int, Result]]:
    """Returns the results in a CSV file, by arm and seed."""
    found: dict[str, dict[int, Result]] = {}
    names = ["arm", *(field.name for field in dataclasses.fields(Result))]
    with _naming(path), open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != names:
            problem = f"its columns are {reader.fieldnames}, not {names}"
            raise ValueError(problem)
        for line in reader:
            result = Result(**_of_text(line))
            found.setdefault(line["arm"], {})[result.seed] = result
        if unknown := sorted(set(found) - set(ARMS)):
            raise ValueError(f"there are no arms {unknown}")
    return {arm: found[arm] for arm in ARMS if arm in found}


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Names a file that is damaged."""
    try:
        yield
    except (ValueError, TypeError, csv.Error) as error:
        raise ValueError(
            f"A result is damaged: {error}. Received: {str(path)!r}. Expected: "
            "what an earlier comparison wrote; to run this again, remove the "
            "file, and its line in runs.csv where that has one."
        ) from error


def _of_text(line: dict[str, str]) -> dict[str, Any]:
    """The fields of a result from a line of CSV."""
    if None in line or None in line.values():
        raise ValueError("a line of another length than the first")
    return {
        field.name: None
        if not line[field.name] and field.name.startswith("validation")
        else int(line[field.name])
        if field.type is int
        else float(line[field.name])
        for field in dataclasses.fields(Result)
    }


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all: beside its name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
