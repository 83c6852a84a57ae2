"""Variables that are read and assigned together, in one graph call each."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class VariableGroup:
    """Some Keras variables of one worker.

    One operation a variable would take as long as a training step of a small
    network, and one message each where the device is on another machine.

    Args:
        variables: The variables.
        device: String, where the graphs are started: on the machine that has
            the variables.
    """

    def __init__(
        self, variables: Sequence[keras.Variable], device: str
    ) -> None:
        self._variables = [variable.value for variable in variables]
        self._device = device

    def read(self) -> tuple[Any, ...]:
        """Returns the values as tensors, which never change."""
        if not self._variables:
            return ()
        reading = self._reading  # traced on no device in particular
        with tf.device(self._device):
            return tuple(reading())

    def assign(self, values: Sequence[Any]) -> None:
        """Sets the values, given one tensor or array for each variable."""
        pairs = list(zip(values, self._variables, strict=True))
        if not pairs:
            return
        assigning = self._assigning
        with tf.device(self._device):
            assigning(
                [tf.convert_to_tensor(v, like.dtype) for v, like in pairs]
            )

    @functools.cached_property
    def _reading(self) -> Any:
        def read() -> list[Any]:
            return [each.read_value() for each in self._variables]

        return tf.function(read, autograph=False).get_concrete_function()

    @functools.cached_property
    def _assigning(self) -> Any:
        def assign(values: Sequence[Any]) -> None:
            for variable, value in zip(self._variables, values, strict=True):
                variable.assign(value, read_value=False)

        return tf.function(assign, autograph=False).get_concrete_function(
            [tf.TensorSpec(each.shape, each.dtype) for each in self._variables]
        )
