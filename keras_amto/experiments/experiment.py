"""What all arms of a comparison have in common, checked."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_amto.arguments import check_choice
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_no_arguments
from keras_amto.arguments import check_share
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.engines import build_network
from keras_amto.engines import excluded_from_decay
from keras_amto.engines import refuse_misfit
from keras_amto.engines import symbolic
from keras_amto.experiments.data import Array
from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.optimizers import copy_of
from keras_amto.experiments.optimizers import scheduled
from keras_amto.fit.fingerprint import described_network
from keras_amto.optimizers import LinearPrediction
from keras_amto.tasks import IndexedData
from keras_amto.tasks import split_tasks

DEVELOPMENT_SEEDS = 100  # and all above
SCHEDULES = ("constant", "cosine")


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """The data, the network and the settings of a comparison, checked.

    `compare` describes them. Without `test`, a seed is tested on what is not in
    its gross set.

    Settings are chosen on development seeds, from 100 on. Images that chose a
    setting are never test images of a table: a share of the samples, the same
    for all seeds, is what development seeds are tested on, and no other seed.
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
    schedule: str = "constant"
    development_split: float = 0.0

    def __post_init__(self) -> None:
        if not callable(self.network) or isinstance(self.network, keras.Model):
            kind = "a function, and every arm needs a fresh network"
            raise _wrong_network(self.network, kind)
        check_no_arguments("network", self.network)
        for name, minimum in (
            ("steps", 1), ("num_tasks", 1), ("transfer_interval", 1),
            ("batch_size", 1), ("train_size", 1),
        ):  # fmt: skip
            number = check_integer(name, getattr(self, name), minimum)
            object.__setattr__(self, name, number)
        for name in ("validation_split", "holdout_split"):
            share = check_share(name, getattr(self, name), zero=False)
            object.__setattr__(self, name, share)
        check_choice("schedule", self.schedule, SCHEDULES)
        copy = copy_of(self.optimizer)  # raises if it wraps another one
        if self.schedule != "constant":
            scheduled(copy, self.steps)  # raises unless it has one rate
        share = check_share(
            "development_split", self.development_split, zero=True
        )
        object.__setattr__(self, "development_split", share)
        if share > 0 and not len(self._development):
            raise wrong_value(
                "development_split",
                share,
                f"leaves none of {len(self.samples.x)} samples",
                "a share of one sample at least, or 0",
            )
        size = len(self.samples.x)
        limit = size if self.test is not None else size - 1
        limit -= len(self._development)
        if self.train_size > limit:
            raise ValueError(
                "The gross set leaves nothing to test on. Received: "
                f"train_size={self.train_size} of {size} samples, "
                f"development_split={share}. "
                f"Expected: at most {limit}."
            )
        # Raises if a part would be empty.
        split_tasks(
            self.train_size, 1, self.validation_split, self.holdout_split
        )

    def data(self, seed: int) -> tuple[LabelledArrays, LabelledArrays]:
        """Returns the random gross set of a seed, and its test set."""
        order = np.random.default_rng(seed).permutation(len(self.samples.x))
        is_development = np.isin(order, self._development)
        if seed >= DEVELOPMENT_SEEDS and len(self._development):
            gross = order[~is_development][: self.train_size]
            return self._part(gross), self._part(order[is_development])
        gross, rest = np.split(order, [self.train_size])
        if self.test is not None:
            return self._part(gross), self.test
        rest = rest[~is_development[self.train_size :]]
        return self._part(gross), self._part(rest)

    def _part(self, indices: Array) -> LabelledArrays:
        return LabelledArrays(self.samples.x[indices], self.samples.y[indices])

    @property
    def _development(self) -> Array:
        """The samples that development seeds alone are tested on."""
        size = len(self.samples.x)
        order = np.random.default_rng(DEVELOPMENT_SEEDS).permutation(size)
        return order[: int(self.development_split * size)]

    def start(self, seed: int) -> keras.Model:
        """Returns a network with the weights that all arms of a seed get."""
        keras.utils.set_random_seed(seed)
        network = self.network()
        if not isinstance(network, keras.Model):
            kind = "a function that returns a Keras model"
            raise _wrong_network(network, kind)
        _check_fit(network, self.samples)
        return network

    def make_optimizer(
        self,
        network: keras.Model,
        rate_factor: float = 1.0,
        predicts: bool = False,
        steps: int | None = None,
    ) -> keras.optimizers.Optimizer:
        """Returns a copy for a network, perhaps with linear prediction.

        A schedule ends with the steps of the network, by default those of all.
        """
        optimizer = copy_of(self.optimizer, rate_factor)
        if self.schedule == "cosine":
            optimizer = scheduled(optimizer, steps or self.steps)
        # A configuration does not hold them.
        if excluded := excluded_from_decay(self.optimizer, network):
            variables = network.trainable_variables
            optimizer.exclude_from_weight_decay(
                [variables[i] for i in excluded]
            )
        return LinearPrediction(optimizer) if predicts else optimizer

    def identity(self) -> dict[str, Any]:
        """Returns what must not change while a comparison is resumed."""
        network = self.start(0)
        if self.test is not None:
            _check_fit(network, self.test, "test_data: ")
        optimizer = {
            "class": type(self.optimizer).__name__,
            **copy_of(self.optimizer).get_config(),
            "name": None,
        }
        if excluded := excluded_from_decay(self.optimizer, network):
            optimizer["excluded_from_weight_decay"] = excluded
        return {
            "backend": keras.config.backend(),
            "network": described_network(network),
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
        } | {"schedule": self.schedule}


def _wrong_network(value: Any, kind: str) -> TypeError:
    expected = "a function without arguments that returns a Keras model"
    return wrong_type("network", value, kind, expected)


def _check_fit(
    network: keras.Model, samples: LabelledArrays, label: str = ""
) -> None:
    """Builds a network; raises unless it is a classifier of the samples."""
    first = IndexedData(samples.x[:1], samples.y[:1])
    try:
        build_network(network, first)
        refuse_misfit(network, first)
    except ValueError as error:
        raise ValueError(
            f"The `network` does not accept `{label}x`. {error}"
        ) from error
    outputs = network.compute_output_spec(symbolic(samples.x))
    shape = keras.tree.map_structure(lambda output: output.shape, outputs)
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ValueError(
            "`network` returns a model that is not a classifier. "
            f"Received: outputs of shape {shape}. "
            "Expected: one probability for each class, (None, classes)."
        )
    if shape[1] < samples.classes:
        raise ValueError(
            f"The `network` has too few outputs for `{label}y`. "
            f"Received: {shape[1]} outputs, and the class "
            f"{samples.classes - 1}. "
            f"Expected: at least {samples.classes} outputs."
        )


def _digest(arrays: Iterable[Array]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
