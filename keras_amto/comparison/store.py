"""Results on disk, one file a run."""

import dataclasses
import json
import pathlib

from keras_amto.comparison.files import write_whole
from keras_amto.comparison.results import Result


class ResultStore:
    """One JSON file for each arm and seed, whole or absent.

    Args:
        directory: The directory of the comparison.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory / "runs"

    def save(self, arm: str, result: Result) -> None:
        """Writes a result."""
        text = json.dumps(dataclasses.asdict(result)) + "\n"
        write_whole(self._path(arm, result.seed), text.encode())

    def load(self, arm: str, seed: int) -> Result | None:
        """Returns a result, or `None` where there is none yet."""
        path = self._path(arm, seed)
        if not path.exists():
            return None
        try:
            return Result(**json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"A result is damaged: {error}. Received: {str(path)!r}. "
                "Expected: what an earlier comparison wrote; remove the file "
                "to run this arm again."
            ) from error

    def seeds(self, arm: str) -> list[int]:
        """Returns the seeds of which an arm has results."""
        prefix = f"{arm}-seed_"
        return sorted(
            int(path.stem.removeprefix(prefix))
            for path in self._directory.glob(f"{prefix}*.json")
        )

    def _path(self, arm: str, seed: int) -> pathlib.Path:
        return self._directory / f"{arm}-seed_{seed}.json"
