"""A stand-in for the trainer that Keras' tests mix with a layer."""

from typing import Any

import keras

# What a `keras.Model` has of its own, and a trainer has not.
_LEFT_TO_THE_LAYER = ("build", "call", "from_config", "get_config")
_TRAINER = keras.Model.__mro__[1]


class TrainerModel(keras.Model):
    """A `keras.Model` that can be mixed with a layer, as a trainer can.

    `trainer_test.py` trains classes of a trainer and a layer, `class
    ExampleModel(Trainer, layers.Dense)`, which are not a `keras.Model`. With
    this class in the trainer's place they are, and nothing else changes: what a
    model would do differently is left to the layer.
    """

    def __init__(self) -> None:
        # Not that of a model, which would make the layer anew.
        _TRAINER.__init__(self)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        others = [c for c in cls.__mro__ if c not in keras.Model.__mro__]
        others += [keras.Layer]
        for name in _LEFT_TO_THE_LAYER:
            owner = next((c for c in others if name in vars(c)), None)
            if owner is not None and owner is not cls:
                setattr(cls, name, vars(owner)[name])

    @property
    def layers(self) -> list[keras.Layer]:
        """As in `keras.Model`, but one test sets it."""
        if hasattr(self, "given_layers"):
            return self.given_layers
        return super().layers

    @layers.setter
    def layers(self, layers: list[keras.Layer]) -> None:
        self.given_layers = layers
