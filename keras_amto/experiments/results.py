"""The result of an arm on a seed, and its file."""

import dataclasses
import json
import os
import pathlib

from keras_amto.experiments.arm_texts import ARM_TEXTS


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


def save_result(directory: pathlib.Path, arm: str, result: Result) -> None:
    """Writes a result to a comparison's directory, whole or not at all."""
    path = directory / "runs" / f"{arm}-seed_{result.seed}.json"
    text = json.dumps(dataclasses.asdict(result)) + "\n"
    write_whole(path, text.encode())


def load_results(directory: pathlib.Path) -> dict[str, dict[int, Result]]:
    """Returns the results in a comparison's directory, by arm and seed.

    Raises:
        ValueError: if a file is damaged.
    """
    found = {arm: _load_arm(directory / "runs", arm) for arm in ARM_TEXTS}
    return {arm: results for arm, results in found.items() if results}


def _load_arm(directory: pathlib.Path, arm: str) -> dict[int, Result]:
    results = {}
    for path in directory.glob(f"{arm}-seed_*.json"):
        try:
            result = Result(**json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"A result is damaged: {error}. Received: {str(path)!r}. "
                "Expected: what an earlier comparison wrote; remove the file "
                "to run this arm again."
            ) from error
        results[result.seed] = result
    return dict(sorted(results.items()))


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all: beside its name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
