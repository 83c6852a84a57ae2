"""Batches on the devices: gathered there, or sent from where the data are."""

import itertools
import weakref
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from keras_amto.engines.jax_rows import Rows
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import IndexedData

Positions = npt.NDArray[np.int32]

_BYTES = 8 * 2**20  # of the batches that are gathered at a time, or one
_STEPS = 256  # at most
_MOST_ON_ACCELERATOR = 2**30  # bytes of a set that lies there


class Feed:
    """Makes batches for rows.

    A set in memory lies on the devices, once, and batches are gathered there;
    of one on disk, or of one that would take much of an accelerator's memory,
    the samples of some batches are sent. A set is forgotten with
    its owner. One feed serves all rows that lie on the same devices.

    Batches are valid until the next ones are made: these take their memory.
    """

    def __init__(self) -> None:
        self._there: weakref.WeakKeyDictionary[IndexedData, Any] = (
            weakref.WeakKeyDictionary()
        )
        # By rows: how to gather, at first and into batches of before.
        self._gather: dict[Rows, tuple[Any, Any]] = {}
        self._batches: dict[Any, Any] = {}

    def limit(self, data: IndexedData, positions: Positions) -> int:
        """Returns how many steps' batches are made at a time."""
        step = _sample_bytes(data) * int(positions[0].size)
        return max(1, min(_STEPS, _BYTES // max(1, step)))

    def batches(
        self, data: IndexedData, rows: Rows, positions: Positions, limit: int
    ) -> Any:
        """Gathers batches of shape `(limit, rows, batch size, ...)`.

        Args:
            data: Where from.
            rows: For which rows.
            positions: Array of shape `(steps, rows, batch size)`. Where these
                are fewer steps than `limit`, what follows is of no use.
            limit: Integer. The shape decides what is compiled.
        """
        is_large = data.num_bytes > _MOST_ON_ACCELERATOR
        if not data.is_in_memory or (is_large and rows.is_on_accelerator):
            return _read(data, positions, limit)
        if data not in self._there:
            self._there[data] = rows.put(data.arrays)
        if rows not in self._gather:
            self._gather[rows] = (
                jax.jit(rows.gathering(_gather, refills=False)),
                jax.jit(
                    rows.gathering(_refill, refills=True), donate_argnums=3
                ),
            )
        gather, refill = self._gather[rows]
        padded = np.zeros((limit, *positions.shape[1:]), np.int32)
        padded[: len(positions)] = positions
        given = len(positions), self._there[data], padded
        key = rows, padded.shape, _look(data)
        before = self._batches.pop(key, None)
        made = gather(*given) if before is None else refill(*given, before)
        self._batches[key] = made
        return made


def _gather(count: Any, samples: Any, positions: Any) -> Any:
    batches = jax.tree.map(
        lambda leaf: jnp.zeros((*positions.shape, *leaf.shape[1:]), leaf.dtype),
        samples,
    )
    return _refill(count, samples, positions, batches)


def _refill(count: Any, samples: Any, positions: Any, batches: Any) -> Any:
    def refill(leaf: Any, old: Any) -> Any:
        def fill(step: Any, batches: Any) -> Any:
            batch = leaf.at[positions[step]].get(mode="promise_in_bounds")
            return batches.at[step].set(batch)

        return jax.lax.fori_loop(0, count, fill, old)

    return jax.tree.map(refill, samples, batches)


def _read(data: IndexedData, positions: Positions, limit: int) -> Any:
    # Each sample once: a master and its shadow take the same.
    distinct, places = np.unique(positions, return_inverse=True)
    places = places.reshape(positions.shape)

    def spread(leaf: Any) -> Any:
        batches = np.zeros(
            (limit, *positions.shape[1:], *leaf.shape[1:]), leaf.dtype
        )
        batches[: len(positions)] = leaf[places]
        return batches

    return jax.tree.map(spread, data.batch(distinct.astype(np.int64)).arrays)


def _look(data: IndexedData) -> str:
    return repr(
        jax.tree.map(lambda a: (a.shape[1:], str(a.dtype)), data.arrays)
    )


def _sample_bytes(data: IndexedData) -> int:
    leaves = jax.tree.leaves(data.sample(1).arrays)
    return sum(int(leaf.nbytes) for leaf in leaves)


def equal_runs(
    windows: Sequence[BatchWindow],
) -> Iterator[npt.NDArray[np.int64]]:
    """Cuts windows, of batches of the same sizes, into runs of one size.

    Yields arrays of shape `(steps, windows, batch size)`.
    """
    splits = windows[0].splits
    sizes = np.diff(splits)
    begins = [0, *np.flatnonzero(np.diff(sizes)) + 1, len(sizes)]
    for begin, end in itertools.pairwise(begins):
        rows = slice(splits[begin], splits[end])
        shape = (end - begin, sizes[begin])
        yield np.stack([w.order[rows].reshape(shape) for w in windows], axis=1)
