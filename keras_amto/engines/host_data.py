"""The data on the hosts, from where their devices are fed."""

import threading
import weakref
from typing import Any

import keras
import tensorflow as tf

from keras_amto.distribution import machine
from keras_amto.tasks import IndexedData
from keras_amto.tasks import lies_ready

HOST = "CPU:0"


def host_of(device: str) -> str:
    """Returns the CPU of the machine on which a device is."""
    where = machine(device)
    return f"{where}/device:{HOST}" if where else HOST


class HostData:
    """Sets in memory as tensors on the hosts that need them, each once.

    Batches are gathered there and go straight to the device that trains on
    them, whatever the number of devices. A set is forgotten with its owner.
    """

    def __init__(self) -> None:
        self._tensors: weakref.WeakKeyDictionary[
            IndexedData, dict[str, Any]
        ] = weakref.WeakKeyDictionary()
        # Devices of one machine ask at the same time.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tensors)

    def tensors(self, data: IndexedData, host: str) -> Any:
        """Returns the arrays of a set as tensors on a host."""
        with self._lock:
            on_hosts = self._tensors.setdefault(data, {})
            if host not in on_hosts:
                with tf.device(HOST):
                    tensors = keras.tree.map_structure(share, data.arrays)
                if host != HOST:
                    with tf.device(host):
                        tensors = keras.tree.map_structure(tf.identity, tensors)
                on_hosts[host] = tensors
            return on_hosts[host]


def share(array: Any) -> tf.Tensor:
    """Makes a tensor of an array, in the same memory where that can be."""
    if lies_ready(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.convert_to_tensor(array)
