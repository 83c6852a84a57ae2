"""What all arms of a comparison have in common."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_amto.arguments import check_integer
from keras_amto.arguments import check_share
from keras_amto.experiments import checks
from keras_amto.experiments.data import Array
from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.optimizers import copy_of
from keras_amto.tasks import split_tasks


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """The data, the network and the settings of a comparison, checked.

    `compare` describes them. Without `test`, a seed is tested on what is not in
    its gross set.
    """

    network: Callable[[], keras.Model]
    samples: LabelledArrays
    test: LabelledArrays | None
    train_size: int
    steps: int
    num_tasks: int
    transfer_interval: int
    batch_size: int
    validation_split: float
    holdout_split: float
    optimizer: keras.optimizers.Optimizer

    def __post_init__(self) -> None:
        for name, minimum in (
            ("steps", 1), ("num_tasks", 2), ("transfer_interval", 1),
            ("batch_size", 1), ("train_size", 1),
        ):  # fmt: skip
            number = check_integer(name, getattr(self, name), minimum)
            object.__setattr__(self, name, number)
        for name in ("validation_split", "holdout_split"):
            share = check_share(name, getattr(self, name), zero=False)
            object.__setattr__(self, name, share)
        size = len(self.samples.x)
        limit = size if self.test is not None else size - 1
        if self.train_size > limit:
            raise ValueError(
                "The gross set leaves nothing to test on. Received: "
                f"train_size={self.train_size} of {size} samples. "
                f"Expected: at most {limit}."
            )
        # Raises if a part would be empty.
        split_tasks(
            self.train_size, 1, self.validation_split, self.holdout_split
        )

    def data(self, seed: int) -> tuple[LabelledArrays, LabelledArrays]:
        """Returns the random gross set of a seed, and its test set."""
        order = np.random.default_rng(seed).permutation(len(self.samples.x))
        gross, rest = (
            LabelledArrays(self.samples.x[part], self.samples.y[part])
            for part in (order[: self.train_size], order[self.train_size :])
        )
        return gross, rest if self.test is None else self.test

    def start(self, seed: int) -> keras.Model:
        """Returns a network with the weights that all arms of a seed get."""
        keras.utils.set_random_seed(seed)
        return checks.build(self.network(), self.samples.x)

    def identity(self) -> dict[str, Any]:
        """Returns what must not change while a comparison is resumed."""
        network = self.start(0)
        checks.check_fit(network, *self.samples)
        if self.test is not None:
            checks.check_fit(network, *self.test, label="test_data: ")
        optimizer = {
            "class": type(self.optimizer).__name__,
            **copy_of(self.optimizer).get_config(),
            "name": None,
        }
        return {
            "backend": keras.config.backend(),
            "network": network.count_params(),
            "initial_weights": _digest(network.get_weights()),
            "data": _digest([*self.samples, *(self.test or ())]),
            **self.settings(),
            "optimizer": json.loads(json.dumps(optimizer, default=str)),
        }

    def settings(self) -> dict[str, Any]:
        """Returns the settings that are numbers."""
        return {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, int | float)
        }


def _digest(arrays: Iterable[Array]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
