"""The data on the host, from where every device is fed."""

import weakref
from typing import Any

import keras
import tensorflow as tf

from keras_amto.tasks import GrossSet
from keras_amto.tasks import lies_ready

HOST = "CPU:0"


class HostData:
    """Sets in memory as tensors in the host's memory, each once.

    Batches are gathered there and go straight to the device that trains on
    them, whatever the number of devices. A set is forgotten with its owner.
    """

    def __init__(self) -> None:
        self._tensors: weakref.WeakKeyDictionary[GrossSet, Any] = (
            weakref.WeakKeyDictionary()
        )

    def __len__(self) -> int:
        return len(self._tensors)

    def __getitem__(self, data: GrossSet) -> Any:
        if data not in self._tensors:
            with tf.device(HOST):
                self._tensors[data] = keras.tree.map_structure(
                    share, data.arrays
                )
        return self._tensors[data]


def share(array: Any) -> tf.Tensor:
    """Makes a tensor of an array, in the same memory where that can be."""
    if lies_ready(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.convert_to_tensor(array)
