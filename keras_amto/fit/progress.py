"""Keras' progress bar, kept moving while the engine works."""

import contextlib
import time
from collections.abc import Iterable
from collections.abc import Iterator

import keras

_SECONDS_BETWEEN = 0.2
_SECONDS_BEFORE_SELECTION = 0.8


class Progress:
    """Moves the bar of a `ProgbarLogger` between its own updates.

    A step of the bar is a step of all M tasks; while tasks train one after
    another the bar stands at a fraction of it.
    """

    def __init__(
        self, callbacks: Iterable[keras.callbacks.Callback], num_tasks: int
    ) -> None:
        self._logger: keras.callbacks.ProgbarLogger | None = None
        for callback in callbacks:
            if isinstance(callback, keras.callbacks.ProgbarLogger):
                self._logger = callback
        self._num_tasks = num_tasks
        self._bar: keras.utils.Progbar | None = None
        self._last_update = 0.0
        #: Where the bar stands, or will when it is updated.
        self.position = 0.0

    def begin_epoch(self) -> None:
        """Follows the bar that the logger has just made."""
        if self._logger is not None and self._logger.verbose == 1:
            self._bar = self._logger.progbar
        self.position = 0.0

    def end_epoch(self) -> None:
        """Leaves the bar to the logger, which is about to complete it."""
        self._bar = None

    def training(self, batch: int, done: float) -> None:
        """Takes the steps, summed over the tasks, that follow a batch."""
        self.position = batch + done / self._num_tasks

    def tick(self) -> None:
        """Updates the bar, from time to time."""
        now = time.monotonic()
        if self._bar is None or now < self._last_update + _SECONDS_BETWEEN:
            return
        self._last_update = now
        self._bar.update(self.position, finalize=False)

    @contextlib.contextmanager
    def selecting(self, evaluations: int) -> Iterator[None]:
        """Shows a bar of its own while the winner is chosen."""
        if self._logger is None or self._logger.verbose != 1:
            yield
            return
        bar = keras.utils.Progbar(evaluations, unit_name="evaluation")
        # A choice that takes no time shows no bar.
        self._last_update = time.monotonic() + _SECONDS_BEFORE_SELECTION
        self.position = 0.0
        self._bar = bar
        yield
        self._bar = None
        if time.monotonic() > self._last_update:
            bar.update(evaluations, finalize=True)
