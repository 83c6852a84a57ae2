"""Replicas side by side: stacked along an axis that devices share."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_AXIS = "population"
_ALL = jax.sharding.PartitionSpec()  # the same on every device
_ROWS = jax.sharding.PartitionSpec(_AXIS)
_BATCHES = jax.sharding.PartitionSpec(None, _AXIS)  # steps, rows


class Rows:
    """A fixed number of rows, as many on each of some devices.

    A row is a tree of arrays. Stacked, each of its arrays has one more axis, of
    all rows, which is laid over the devices; one row alone needs none. A row
    that is taken out lies on the device where it was; one that is put in is
    copied to where it goes.

    Args:
        devices: The devices.
        per_device: Integer, rows on each.
        moves: Boolean, whether rows may come from other devices.
    """

    def __init__(
        self, devices: Sequence[Any], per_device: int, moves: bool
    ) -> None:
        self.size = len(devices) * per_device
        self.per_device = per_device
        self._devices = list(devices)
        self._moves = moves
        self._mesh = jax.sharding.Mesh(np.array(self._devices), (_AXIS,))
        self.has_axis = self.size > 1
        self.is_one_cpu = [each.platform for each in devices] == ["cpu"]
        self._stack = jax.jit(_stack if self.has_axis else _copy)
        self._unstack = jax.jit(_unstack)

    @property
    def is_on_accelerator(self) -> bool:
        """Whether they lie in a memory of a device's own."""
        return bool(self._devices[0].platform != "cpu")

    def stack(self, rows: Sequence[Any], donates: bool = False) -> Any:
        """Stacks rows, at most `size`; where there are fewer, the last again.

        The arrays that were given may be used again, also where the stack is
        donated.
        """
        rows = [*rows, *[rows[-1]] * (self.size - len(rows))]
        if not self.has_axis and not self._moves and not donates:
            return rows[0]
        if not self._moves:
            return self._stack(rows)
        parts = []
        for number, device in enumerate(self._devices):
            begin = number * self.per_device
            part = rows[begin : begin + self.per_device]
            parts.append(self._stack(jax.device_put(part, device)))
        if len(parts) == 1:
            return parts[0]
        return jax.tree.map(self._joined, *parts)

    def unstack(self, stacked: Any) -> list[Any]:
        """Returns all rows."""
        if not self.has_axis:
            return [stacked]
        if len(self._devices) == 1:
            return list(self._unstack(stacked))
        arrays, structure = jax.tree.flatten(stacked)
        shards = [_in_order(array) for array in arrays]
        rows: list[Any] = []
        for part in zip(*shards, strict=True):
            rows += self._unstack(jax.tree.unflatten(structure, part))
        return rows

    def fill(self, value: Any) -> Any:
        """Stacks rows of one value."""
        return np.full(self.size, value) if self.has_axis else value

    def put(self, samples: Any) -> Any:
        """Puts samples on every device."""
        if len(self._devices) == 1:
            return jax.device_put(samples, self._devices[0])
        everywhere = jax.sharding.NamedSharding(self._mesh, _ALL)
        return jax.device_put(samples, everywhere)

    def gathering(
        self, gather: Callable[..., Any], refills: bool
    ) -> Callable[..., Any]:
        """Gathers on every device for the rows that are there.

        It takes a number of steps, samples, and positions; these and what it
        gives count steps and then rows, and so does what it refills, if it
        does.
        """
        takes = (_ALL, _ALL, _BATCHES, *[_BATCHES] * refills)
        return self._over_devices(gather, takes, _BATCHES)

    def looping(self, loop: Callable[..., Any]) -> Callable[..., Any]:
        """Runs a loop on every device, with the rows that are there.

        It takes a number of steps, two trees of rows, and batches of those
        steps and rows; it gives trees of rows.
        """
        return self._over_devices(loop, (_ALL, _ROWS, _ROWS, _BATCHES), _ROWS)

    def _over_devices(
        self, function: Callable[..., Any], takes: Any, gives: Any
    ) -> Callable[..., Any]:
        if len(self._devices) == 1:
            return function
        # Nothing that one device does depends on others, so nothing is checked.
        mapped: Callable[..., Any] = jax.shard_map(
            function,
            mesh=self._mesh,
            in_specs=takes,
            out_specs=gives,
            check_vma=False,
        )
        return mapped

    def _joined(self, *parts: Any) -> Any:
        shape = (self.size, *parts[0].shape[1:])
        sharding = jax.sharding.NamedSharding(self._mesh, _ROWS)
        return jax.make_array_from_single_device_arrays(
            shape, sharding, list(parts)
        )


def _in_order(array: Any) -> list[Any]:
    shards = sorted(
        array.addressable_shards, key=lambda each: each.index[0].start or 0
    )
    return [shard.data for shard in shards]


def _stack(rows: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *values: jnp.stack(values), *rows)


def _copy(rows: Sequence[Any]) -> Any:
    return jax.tree.map(jnp.copy, rows[0])


def _unstack(stacked: Any) -> list[Any]:
    count = len(jax.tree.leaves(stacked)[0])
    return [
        jax.tree.map(lambda leaf, i=i: leaf[i], stacked) for i in range(count)
    ]
