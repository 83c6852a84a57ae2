"""Which replicas are trained at once, and on which devices."""

import warnings
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from keras_amto.engines.errors import is_out_of_memory
from keras_amto.engines.jax_feed import Feed
from keras_amto.engines.jax_population import Population
from keras_amto.engines.jax_rows import Rows
from keras_amto.engines.jax_steps import Steps
from keras_amto.engines.vectorizing import Manner

Lane = TypeVar("Lane")
Outcome = TypeVar("Outcome")


class Crew:
    """Takes replicas in turns, with the populations that there are.

    What cannot be vectorised is found out by trying, and from then on replicas
    are trained one after another.

    Args:
        steps: The steps.
        devices: The devices that replicas are spread over.
        replicas: Integer, how many replicas there are, 2M.
        manner: How replicas share a device.
    """

    def __init__(
        self,
        steps: Steps,
        devices: Sequence[Any],
        replicas: int,
        manner: Manner,
    ) -> None:
        self.devices = devices
        moves = len(self.devices) > 1
        count = replicas // len(self.devices)
        rows = Rows(self.devices, count if manner.together else 1, moves)
        single = Rows(self.devices[:1], 1, moves)
        feed = Feed()
        one_by_one = manner._replace(vectorizes=False)
        self._alone = Population(steps, rows, feed, one_by_one)
        self._single = Population(
            steps, single, Feed() if moves else feed, one_by_one
        )
        self._all = self._alone
        if manner.vectorizes and count > 1:
            rows = Rows(self.devices, count, moves)
            self._all = Population(steps, rows, feed, manner)
        self._tried: set[str] = set()

    def in_turns(
        self,
        kind: str,
        lanes: Sequence[Lane],
        work: Callable[[Population, Sequence[Lane]], Sequence[Outcome]],
    ) -> list[tuple[Lane, Outcome]]:
        """Does the work of all lanes, some at a time.

        Args:
            kind: String, what work it is.
            lanes: Any values, one for each replica.
            work: Does that of some lanes with a population.
        """
        done: dict[int, Outcome] = {}
        failed: Exception | None = None
        left = _by_device(list(range(len(lanes))), self._all.rows)
        while left:
            population = self._all if failed is None else self._alone
            if kind == "evaluate" and len(left) == 1:
                population = self._single
            turn = left[: population.rows.size]
            may_fail = population.vectorizes and kind not in self._tried
            try:
                outcomes = work(population, [lanes[i] for i in turn])
            except Exception as error:
                if is_out_of_memory(error):
                    raise _too_much(error, population) from error
                if not may_fail:
                    raise
                failed = error  # unless it fails one by one as well
                left = _by_device(sorted(left), self._alone.rows)
                continue
            if failed is not None and self._all is not self._alone:
                _warn(failed)
                self._all = self._alone
            self._tried.add(kind)
            done.update(zip(turn, outcomes, strict=True))
            left = left[len(turn) :]
        return [(lane, done[i]) for i, lane in enumerate(lanes)]


def _by_device(lanes: Sequence[int], rows: Rows) -> Sequence[int]:
    """Orders lanes so that each turn takes one of every device's share."""
    devices = rows.size // rows.per_device
    each, rest = divmod(len(lanes), devices)
    if rest or rows.per_device > 1:
        return lanes
    return [lanes[d * each + i] for i in range(each) for d in range(devices)]


def _warn(error: Exception) -> None:
    reason = str(error).strip().splitlines() or [""]
    warnings.warn(
        "The network cannot be vectorised, so its replicas are trained one "
        f"after another. Received: {type(error).__name__}: {reason[0]} "
        "Expected: layers of operations that `jax.vmap` takes, or "
        "vectorize=False, which says the same without this warning.",
        stacklevel=2,
    )


def _too_much(error: Exception, population: Population) -> MemoryError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    count = population.rows.per_device if population.vectorizes else 1
    return MemoryError(
        f"Training does not fit into the memory of a device: {reason[0]} "
        f"Received: {count} {'replica' if count == 1 else 'replicas'} at once. "
        "Expected: less at once. vectorize=False takes one replica at a time; "
        "a smaller `batch_size` lowers what a step takes, and fewer tasks what "
        "their networks take."
    )
