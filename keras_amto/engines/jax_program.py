"""Many steps of all rows in one compiled program."""

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from keras_amto.engines.jax_feed import Feed
from keras_amto.engines.jax_feed import Positions
from keras_amto.engines.jax_rows import Rows
from keras_amto.engines.jax_threads import Threads
from keras_amto.engines.jax_threads import cores
from keras_amto.engines.jax_threads import number_of_groups
from keras_amto.engines.vectorizing import Manner
from keras_amto.tasks import IndexedData

_SECONDS = 0.5  # so that a progress bar moves at least once a second
_CALLS = 8  # at most, that wait for the devices, each with its batches


class Program:
    """Runs a step of `Steps` again and again, for all rows.

    How many steps a call makes is an argument of the compiled loop and no part
    of it. So it is compiled once for each size of batches, and where a window
    is cut, which time decides, changes no bit of a result.

    Args:
        step: The step of one row.
        rows: For how many.
        manner: How rows share a device.
        donates: Boolean, whether what changes is given away.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        rows: Rows,
        manner: Manner,
        donates: bool,
    ) -> None:
        self._rows = rows
        self._manner = manner
        # Traced once, for the shapes of its logs and for the loop.
        self._step = jax.jit(step)
        # Rows that share a device are trained by loops on the cores of a CPU,
        # which each keep one busy.
        shares = manner.loops and not manner.vectorizes and rows.is_one_cpu
        groups = number_of_groups(rows.per_device, cores() if shares else 1)
        self._rows_of_a_loop = rows.per_device // groups
        self._threads = (
            Threads(self._device, groups, rows.size, donates)
            if groups > 1
            else None
        )
        self._run = self._threads or jax.jit(
            rows.looping(self._device), donate_argnums=(1,) * donates
        )
        self._steps_at_a_time: dict[int, int] = {}  # by size of batches

    def __call__(
        self,
        changing: Any,
        fixed: Any,
        feed: Feed,
        data: IndexedData,
        positions: Positions,
        on_progress: Callable[[int], None],
    ) -> tuple[Any, Any]:
        """Makes steps, and returns what they have changed and the last logs.

        Args:
            changing: Stacked rows, which are gone afterwards where they are
                donated.
            fixed: Stacked rows of what steps do not change.
            feed: Gathers batches.
            data: What from.
            positions: Array of shape `(steps, rows, batch size)`.
            on_progress: Called from time to time with the steps done.
        """
        steps, _, size = positions.shape
        limit = feed.limit(data, positions) if self._manner.loops else 1
        if self._threads is not None:
            changing = self._threads.split(changing)
            fixed = self._threads.split(fixed)
        done, logs = 0, None
        while done < steps:
            wanted = min(self._steps_at_a_time.get(size, 1), _CALLS * limit)
            end = min(done + wanted, steps)
            begin = time.perf_counter()
            for first in range(done, end, limit):
                part = positions[first : min(first + limit, end)]
                batches = feed.batches(data, self._rows, part, limit)
                changing, logs = self._run(len(part), changing, fixed, batches)
            jax.block_until_ready((changing, logs))
            seconds_per_step = (time.perf_counter() - begin) / (end - done)
            self._steps_at_a_time[size] = max(
                1, int(_SECONDS / seconds_per_step)
            )
            done = end
            on_progress(done)
        if self._threads is not None:
            changing, logs = map(self._threads.join, (changing, logs))
        return changing, logs

    def _device(
        self,
        count: Any,
        changing: Any,
        fixed: Any,
        batches: Any,
        first: Any = 0,
    ) -> Any:
        """Makes steps for the rows of one device, or of one thread.

        `first` says which batches are those of the first row.
        """
        if not self._rows.has_axis:
            changing, logs = self._loop(
                self._step, count, changing, fixed, _picking(batches, 0)
            )
            return changing, jax.tree.map(_alone, logs)
        if self._manner.vectorizes:
            step = jax.vmap(self._step)
            return self._loop(step, count, changing, fixed, _picking(batches))

        def one(row: Any) -> Any:
            own, others = jax.tree.map(
                lambda leaf: leaf[row], (changing, fixed)
            )
            return self._loop(
                self._step, count, own, others, _picking(batches, first + row)
            )

        return jax.lax.map(one, jnp.arange(self._rows_of_a_loop))

    def _loop(
        self,
        step: Callable[..., Any],
        count: Any,
        changing: Any,
        fixed: Any,
        batch: Callable[[Any], Any],
    ) -> Any:
        if not self._manner.loops:
            return step(changing, fixed, batch(0))
        _, logs = jax.eval_shape(step, changing, fixed, batch(0))
        return jax.lax.fori_loop(
            0,
            count,
            lambda index, carry: step(carry[0], fixed, batch(index)),
            (changing, jax.tree.map(_no_log, logs)),
        )


def _picking(batches: Any, *row: Any) -> Callable[[Any], Any]:
    """Picks the batch of a step, of one row or of all."""
    return lambda step: jax.tree.map(lambda leaf: leaf[(step, *row)], batches)


_alone = functools.partial(jnp.expand_dims, axis=0)


def _no_log(like: Any) -> Any:
    return jnp.zeros(like.shape, like.dtype)
