"""A trained network of a comparison, as a value and as a file."""

import dataclasses
import io
import json
import pathlib
from typing import Any

import numpy as np

from keras_amto.experiments.data import Array
from keras_amto.experiments.results import Result
from keras_amto.experiments.results import write_whole


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A result, the predictions on the test set, and the weights behind it."""

    result: Result
    predictions: Array
    weights: list[Array]

    def save(self, path: pathlib.Path) -> None:
        """Writes the run to an `.npz` file."""
        result = json.dumps(dataclasses.asdict(self.result))
        weights: Any = {f"{i}": each for i, each in enumerate(self.weights)}
        file = io.BytesIO()
        np.savez(file, result=result, predictions=self.predictions, **weights)
        write_whole(path, file.getvalue())

    @classmethod
    def load(cls, path: pathlib.Path) -> "Run":
        """Reads what `save` wrote."""
        with np.load(path) as file:
            result = Result(**json.loads(str(file["result"])))
            weights = [file[f"{i}"] for i in range(len(file.files) - 2)]
            return cls(result, file["predictions"], weights)
