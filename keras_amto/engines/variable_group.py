"""Variables that are read and assigned together, in one graph call each."""

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
        self._specs = [
            tf.TensorSpec(each.shape, each.dtype) for each in self._variables
        ]
        self._reading: Any = None
        self._assigning: Any = None

    def read(self) -> tuple[Any, ...]:
        """Returns the values as tensors, which never change."""
        if not self._variables:
            return ()
        if self._reading is None:
            self._reading = tf.function(
                self._read, autograph=False
            ).get_concrete_function()
        with tf.device(self._device):
            return tuple(self._reading())

    def assign(self, values: Sequence[Any]) -> None:
        """Sets the values.

        Args:
            values: One tensor or array for each variable.
        """
        if len(values) != len(self._variables):
            raise ValueError(
                "A value is missing. "
                f"Received: {len(values)} values for {len(self._variables)} "
                "variables. Expected: one for each."
            )
        if not self._variables:
            return
        if self._assigning is None:
            self._assigning = tf.function(
                self._assign, autograph=False
            ).get_concrete_function(self._specs)
        with tf.device(self._device):
            self._assigning(
                [
                    tf.convert_to_tensor(value, spec.dtype)
                    for value, spec in zip(values, self._specs, strict=True)
                ]
            )

    def _read(self) -> list[Any]:
        return [each.read_value() for each in self._variables]

    def _assign(self, values: Sequence[Any]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value, read_value=False)
