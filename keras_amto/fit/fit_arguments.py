"""The arguments of `fit`."""

import dataclasses
from collections.abc import Collection
from typing import Any

import keras

from keras_amto.arguments import check_integer
from keras_amto.arguments import check_optional_integer
from keras_amto.arguments import check_share
from keras_amto.arguments import check_truth
from keras_amto.arguments import check_validation_freq


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FitArguments:
    """What one call of `fit` was given, by the names that Keras has for it."""

    x: Any
    y: Any
    batch_size: int | None
    epochs: int
    validation_split: float
    validation_data: Any
    shuffle: bool
    class_weight: Any
    sample_weight: Any
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int | Collection[int]

    def checked(self) -> "FitArguments":
        """Returns them as they are meant, without a look at the data.

        Reading those can take long, so this comes first.

        Raises:
            TypeError: if one is of the wrong type.
            ValueError: if one is out of range, or `x` or `y` has gaps.
        """
        epochs = check_integer("epochs", self.epochs, 0)
        limit = keras.config.max_epochs()  # for debugging runs
        optional = {
            name: check_optional_integer(name, getattr(self, name))
            for name in (
                "batch_size",
                "steps_per_epoch",
                "validation_batch_size",
                "validation_steps",
            )
        }
        share = self.validation_split
        if share is None:
            share = 0.0  # as Keras takes it
        checked = dataclasses.replace(
            self,
            epochs=epochs if limit is None else min(epochs, limit),
            validation_freq=check_validation_freq(self.validation_freq),
            initial_epoch=check_integer("initial_epoch", self.initial_epoch, 0),
            validation_split=check_share("validation_split", share, zero=True),
            shuffle=check_truth("shuffle", self.shuffle),
            **optional,
        )
        for name, given in (("x", self.x), ("y", self.y)):
            if isinstance(given, list | tuple | dict) and any(
                leaf is None for leaf in keras.tree.flatten(given)
            ):
                raise ValueError(
                    f"`{name}` has gaps. "
                    f"Received: {keras.tree.map_structure(type, given)}. "
                    "Expected: an array in every place of the structure."
                )
        return checked
