"""A number of replicas that are trained and evaluated together."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_amto.engines.jax_feed import Feed
from keras_amto.engines.jax_feed import Positions
from keras_amto.engines.jax_feed import equal_runs
from keras_amto.engines.jax_program import Program
from keras_amto.engines.jax_rows import Rows
from keras_amto.engines.jax_state import Row
from keras_amto.engines.jax_state import Values
from keras_amto.engines.jax_steps import Steps
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import counting_from
from keras_amto.engines.vectorizing import Manner
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import IndexedData


class Population:
    """Trains and evaluates as many replicas in a call as there are rows.

    Where fewer are given, the last one fills the rows that are left.

    Args:
        steps: The steps of one.
        rows: The rows.
        feed: Makes batches on the devices of the rows.
        manner: How rows share a device.
    """

    def __init__(
        self, steps: Steps, rows: Rows, feed: Feed, manner: Manner
    ) -> None:
        self.rows = rows
        self.vectorizes = manner.vectorizes
        self._layout = steps.layout
        self.feed = feed
        self._train = Program(steps.train, rows, manner, donates=True)
        self._evaluate = Program(steps.evaluate, rows, manner, donates=False)

    def train(
        self,
        rows: Sequence[Row],
        rate: Any,
        data: IndexedData,
        windows: Sequence[BatchWindow],
        on_progress: OnProgress,
    ) -> tuple[Row, Any]:
        """Trains a row on each window, with batches of the same sizes.

        Returns:
            The rows after the steps, stacked, and their last logs.
        """
        stacked = self.rows.stack(rows, donates=True)
        rates = self.rows.fill(rate)
        logs, done = None, 0
        for positions in self._positions(windows):
            stacked, logs = self._train(
                stacked,
                rates,
                self.feed,
                data,
                positions,
                counting_from(done, on_progress),
            )
            done += len(positions)
        return stacked, logs

    def evaluate(
        self,
        weights: Values,
        states: Sequence[Row],
        data: IndexedData,
        windows: Sequence[BatchWindow],
        on_progress: Callable[[], None],
    ) -> Any:
        """Returns the logs of a row on each window, stacked.

        Args:
            weights: Those of the rows, stacked.
            states: What each row begins with, without weights.
            data: The samples.
            windows: Batches, of the same sizes.
            on_progress: Called from time to time.
        """
        trained, others = self._layout.split(weights)
        changing = self.rows.stack(states)._replace(weights=others)
        logs = None
        for positions in self._positions(windows):
            changing, logs = self._evaluate(
                changing,
                trained,
                self.feed,
                data,
                positions,
                lambda _: on_progress(),
            )
        return logs

    def _positions(self, windows: Sequence[BatchWindow]) -> Iterator[Positions]:
        """The batches of every row, in runs of batches of one size."""
        spare = self.rows.size - len(windows)
        for run in equal_runs([*windows, *[windows[-1]] * spare]):
            yield run.astype(np.int32)
