"""What all arms of a comparison have in common."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.arguments import check_integer
from keras_amto.arguments import check_share
from keras_amto.comparison.checks import built
from keras_amto.comparison.checks import check_fit
from keras_amto.comparison.optimizers import copy_of
from keras_amto.tasks import split_tasks

Array = npt.NDArray[Any]


class Samples(NamedTuple):
    """Inputs and their classes.

    Attributes:
        x: Array of shape `(n, ...)`.
        y: Integer array of shape `(n,)`.
    """

    x: Array
    y: Array


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """The data, the network and the settings.

    Attributes:
        network: Function without arguments that returns a `keras.Model` which
            ends in one probability for each class.
        samples: All samples, or the gross set's where `test` is given.
        test: The test set, or `None`: what is not in the gross set.
        train_size: Integer, how many samples a seed's gross set has.
        steps: Integer, training steps of each network.
        num_tasks: Integer, M.
        transfer_interval: Integer, c, in steps; validations are as frequent.
        batch_size: Integer.
        validation_split: Float in (0, 1).
        holdout_split: Float in (0, 1), of the arm that has a holdout.
        optimizer: A `keras.optimizers.Optimizer` to copy.

    Raises:
        TypeError: if a setting is of the wrong type.
        ValueError: if one is out of range, or data contradict each other.
    """

    network: Callable[[], keras.Model]
    samples: Samples
    test: Samples | None
    train_size: int
    steps: int
    num_tasks: int
    transfer_interval: int
    batch_size: int
    validation_split: float
    holdout_split: float
    optimizer: keras.optimizers.Optimizer

    def __post_init__(self) -> None:
        check_integer("steps", self.steps, 1)
        check_integer("num_tasks", self.num_tasks, 2)
        check_integer("transfer_interval", self.transfer_interval, 1)
        check_integer("batch_size", self.batch_size, 1)
        check_share("validation_split", self.validation_split, zero=False)
        check_share("holdout_split", self.holdout_split, zero=False)
        size = len(self.samples.x)
        check_integer("train_size", self.train_size, 1)
        limit = size if self.test is not None else size - 1
        if self.train_size > limit:
            raise ValueError(
                "The gross set leaves nothing to test on. Received: "
                f"train_size={self.train_size} of {size} samples. "
                f"Expected: at most {limit}."
            )
        # Which raises where a part would be empty.
        split_tasks(
            self.train_size, 1, self.validation_split, self.holdout_split
        )

    def data_of(self, seed: int) -> tuple[Samples, Samples]:
        """Returns the gross set and the test set of a seed.

        The gross set is drawn at random; where no test set was given, that is
        everything which was not drawn.

        Args:
            seed: Integer.
        """
        order = np.random.default_rng(seed).permutation(len(self.samples.x))
        drawn, rest = order[: self.train_size], order[self.train_size :]
        x, y = self.samples
        gross = Samples(x[drawn], y[drawn])
        if self.test is not None:
            return gross, self.test
        return gross, Samples(x[rest], y[rest])

    def start_of(self, seed: int) -> keras.Model:
        """Returns the network of a seed, compiled, with its first weights.

        Args:
            seed: Integer. All arms of a seed start from equal weights.
        """
        keras.utils.set_random_seed(seed)
        return built(self.network(), self.samples.x)

    def identity(self) -> dict[str, Any]:
        """Returns what must not change while a comparison is resumed."""
        network = self.start_of(0)
        check_fit(network, *self.samples)
        if self.test is not None:
            check_fit(network, *self.test, label="test_data: ")
        return {
            "backend": keras.config.backend(),
            "network": network.count_params(),
            "initial_weights": _digest(network.get_weights()),
            "data": _digest(
                [*self.samples, *(() if self.test is None else self.test)]
            ),
            "train_size": self.train_size,
            "steps": self.steps,
            "num_tasks": self.num_tasks,
            "transfer_interval": self.transfer_interval,
            "batch_size": self.batch_size,
            "validation_split": self.validation_split,
            "holdout_split": self.holdout_split,
            "optimizer": json.loads(
                json.dumps(
                    {
                        "class": type(self.optimizer).__name__,
                        **copy_of(self.optimizer).get_config(),
                        "name": None,
                    },
                    default=str,
                )
            ),
        }


def _digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
