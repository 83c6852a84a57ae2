"""Replicas on the cores of one CPU: a thread for each group of them."""

import concurrent.futures
import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number_of_groups(rows: int, most: int) -> int:
    """Returns how many groups of equal size rows make, at most so many."""
    return max(n for n in range(1, max(1, most) + 1) if rows % n == 0)


class Threads:
    """Calls a function for groups of rows at the same time.

    XLA runs a loop of small operations on one core, and releases Python's lock
    meanwhile. So the loops of several threads run on several cores.

    The function is compiled in the calling thread, since contexts such as
    `jax.default_matmul_precision` belong to one thread.

    Args:
        function: Takes a number of steps, two trees of rows, batches of all
            rows, and the number of the first row; gives trees of rows.
        groups: Integer, how many.
        rows: Integer, in all.
        donates: Boolean, whether the first tree of rows is given away.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        groups: int,
        rows: int,
        donates: bool,
    ) -> None:
        self._function = jax.jit(function, donate_argnums=(1,) * donates)
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._firsts = range(0, rows, rows // groups)
        self._executor = concurrent.futures.ThreadPoolExecutor(
            groups, thread_name_prefix="keras_amto_rows"
        )
        self._split = jax.jit(_split, static_argnums=1)
        self._join = jax.jit(_join)

    def split(self, rows: Any) -> list[Any]:
        """Returns the groups of stacked rows."""
        return list(self._split(rows, len(self._firsts)))

    def join(self, groups: Sequence[Any]) -> Any:
        """Stacks the rows of groups."""
        return self._join(list(groups))

    def __call__(
        self,
        count: int,
        changing: Sequence[Any],
        fixed: Sequence[Any],
        batches: Any,
    ) -> tuple[Any, ...]:
        """Returns what the function gives, each part by group."""
        given = [
            (count, *groups, batches, first)
            for *groups, first in zip(
                changing, fixed, self._firsts, strict=True
            )
        ]
        key = repr(jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), batches))
        if key not in self._compiled:
            self._compiled[key] = self._function.lower(*given[0]).compile()
        run = self._compiled[key]

        def work(arguments: tuple[Any, ...]) -> Any:
            return jax.block_until_ready(run(*arguments))

        # All end before other batches take the memory of these.
        running = [self._executor.submit(work, each) for each in given]
        concurrent.futures.wait(running)
        return tuple(zip(*[each.result() for each in running], strict=True))


def _split(rows: Any, groups: int) -> list[Any]:
    def part(number: int) -> Any:
        return jax.tree.map(lambda leaf: jnp.split(leaf, groups)[number], rows)

    return [part(number) for number in range(groups)]


def _join(groups: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *groups)
