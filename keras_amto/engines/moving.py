"""Moving replicas from machine to machine."""

from typing import Any

import tensorflow as tf

from keras_amto.distribution import machine
from keras_amto.distribution.placement import HOST
from keras_amto.distribution.placement import host_of
from keras_amto.engines.records import Replica


class Mover:
    """Copies replicas to other machines, one vector for each type of values.

    One message a tensor would take as long as some training steps. Graphs are
    kept for replicas that look alike.
    """

    def __init__(self) -> None:
        self._graphs: dict[Any, tuple[Any, Any]] = {}

    def __call__(self, replica: Replica, device: str) -> Replica:
        """Returns a replica whose values lie on the machine of a device."""
        values = (*replica.weights, *replica.optimizer)
        # Arrays lie in this process.
        origin = getattr(values[0], "device", HOST) if values else device
        if machine(origin) == machine(device):
            return replica
        with tf.device(HOST):
            values = tuple(map(tf.convert_to_tensor, values))
        specs = tuple(tf.TensorSpec(v.shape, v.dtype) for v in values)
        if specs not in self._graphs:
            self._graphs[specs] = _trace(specs)
        pack, unpack = self._graphs[specs]
        with tf.device(host_of(origin)):
            vectors = pack(*values)
        with tf.device(host_of(device)):
            values = unpack(*map(tf.identity, vectors))
        count = len(replica.weights)
        return Replica(tuple(values[:count]), tuple(values[count:]))


def _trace(specs: tuple[tf.TensorSpec, ...]) -> tuple[Any, Any]:
    """Graphs from tensors to one vector a type, and back."""
    types = list(dict.fromkeys(spec.dtype for spec in specs))

    def pack(*values: Any) -> list[Any]:
        return [
            tf.concat(
                [tf.reshape(v, [-1]) for v in values if v.dtype == each], 0
            )
            for each in types
        ]

    def unpack(*vectors: Any) -> list[Any]:
        parts = {}
        for each, vector in zip(types, vectors, strict=True):
            sizes = [s.shape.num_elements() for s in specs if s.dtype == each]
            parts[each] = iter(tf.split(vector, sizes))
        return [tf.reshape(next(parts[s.dtype]), s.shape) for s in specs]

    packing = tf.function(pack, autograph=False).get_concrete_function(*specs)
    vectors = [tf.TensorSpec(v.shape, v.dtype) for v in packing.outputs]
    unpacking = tf.function(unpack, autograph=False)
    return packing, unpacking.get_concrete_function(*vectors)
