"""The results of arms and the networks behind them, as values and as files."""

import dataclasses
import io
import json
import os
import pathlib

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
        training_steps: Integer, of all networks trained for it.
        seconds: Float, of training and selecting.
    """

    seed: int
    test_accuracy: float
    test_loss: float
    validation_accuracy: float | None
    validation_loss: float | None
    training_steps: int
    seconds: float


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

    Raises a ValueError if a file is damaged.
    """
    found: dict[str, dict[int, Result]] = {}
    for arm in ARMS:
        for path in (directory / "runs").glob(f"{arm}-seed_*.json"):
            try:
                result = Result(**json.loads(path.read_text("utf-8")))
            except (ValueError, TypeError) as error:
                raise ValueError(
                    f"A result is damaged: {error}. Received: {str(path)!r}. "
                    "Expected: what an earlier comparison wrote; remove the "
                    "file to run this arm again."
                ) from error
            found.setdefault(arm, {})[result.seed] = result
    return {
        arm: dict(sorted(by_seed.items())) for arm, by_seed in found.items()
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
