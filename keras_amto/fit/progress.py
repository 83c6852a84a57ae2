"""Keras' progress bar, kept moving while the engine works."""

import contextlib
import time
from collections.abc import Iterator

import keras

from keras_amto.engines import OnProgress

_SECONDS_BETWEEN_UPDATES = 0.2
_SECONDS_BEFORE_SELECTION = 0.8


class Progress:
    """Moves the bar of a `ProgbarLogger` between its own updates.

    A step of the bar is a step of all M tasks; while tasks train one after
    another the bar stands at a fraction of it.

    Args:
        logger: The `keras.callbacks.ProgbarLogger` of the fit, or `None`.
        num_tasks: Integer, M.
    """

    def __init__(
        self, logger: keras.callbacks.ProgbarLogger | None, num_tasks: int
    ) -> None:
        self._logger = logger
        self._num_tasks = num_tasks
        self._bar: keras.utils.Progbar | None = None
        self._position = 0.0
        self._last_update = 0.0

    def begin_epoch(self) -> None:
        """Follows the bar that the logger has just made."""
        logger = self._logger
        if logger is not None and logger.verbose == 1:
            self._bar = logger.progbar
        self._position = 0.0

    def end_epoch(self) -> None:
        """Leaves the bar to the logger, which is about to complete it."""
        self._bar = None

    def training(self, batch: int, done: float) -> None:
        """Shows that tasks have made some steps of an execution.

        Args:
            batch: Integer, the execution's first batch in the epoch.
            done: Float, the steps that were made, summed over the tasks.
        """
        self._position = batch + done / self._num_tasks
        self.tick()

    def tick(self, _: float = 0) -> None:
        """Shows that time passes, for instance while evaluating."""
        now = time.monotonic()
        if (
            self._bar is None
            or now - self._last_update < _SECONDS_BETWEEN_UPDATES
        ):
            return
        self._last_update = now
        self._bar.update(self._position, finalize=False)

    @contextlib.contextmanager
    def selecting(self, evaluations: int) -> Iterator[OnProgress]:
        """Shows a bar of its own while the winner is chosen.

        Args:
            evaluations: Integer, how many there will be.

        Yields:
            Function to call with how many are done.
        """
        logger = self._logger
        if logger is None or logger.verbose != 1:
            yield lambda done: None
            return
        bar = keras.utils.Progbar(evaluations, unit_name="evaluation")
        # A choice that takes no time shows no bar.
        self._last_update = time.monotonic() + _SECONDS_BEFORE_SELECTION
        self._position = 0.0
        self._bar = bar

        def evaluated(done: float) -> None:
            self._position = done
            self.tick()

        yield evaluated
        self._bar = None
        if time.monotonic() > self._last_update:
            bar.update(evaluations, finalize=True)
