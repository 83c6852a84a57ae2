"""Showing how far a comparison is."""

import sys
import time

from keras_amto.comparison.results import Result

_SECONDS_BETWEEN_UPDATES = 0.5


class Progress:
    """Prints a line for each finished run, and on a terminal its steps.

    Args:
        verbose: Boolean, whether to print anything.
    """

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._live = verbose and sys.stderr.isatty()
        self._total = self._done = self._fresh = 0
        self._name = ""
        self._begin = self._last = time.monotonic()

    def begin(self, total: int, done: int) -> None:
        """Says how many runs there are, and how many were there already."""
        self._total, self._done = total, done
        if self._verbose and done:
            print(f"{done} of {total} runs are done already", flush=True)

    def begin_run(self, arm: str, seed: int) -> None:
        """Says what is running."""
        self._name = f"seed {seed} {arm}"
        self.steps(0)

    def steps(self, done: int) -> None:
        """Shows the training steps of a run."""
        now = time.monotonic()
        if self._live and now - self._last > _SECONDS_BETWEEN_UPDATES:
            self._last = now
            sys.stderr.write(f"\r\033[K{self._name}: step {done}")
            sys.stderr.flush()

    def end_run(self, result: Result) -> None:
        """Prints the outcome, and how long the rest may take."""
        self._done += 1
        self._fresh += 1
        if not self._verbose:
            return
        if self._live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
        passed = time.monotonic() - self._begin
        left = passed / self._fresh * (self._total - self._done)
        print(
            f"[{self._done:{len(str(self._total))}}/{self._total}] "
            f"{self._name}: test accuracy {100 * result.test_accuracy:.2f} %, "
            f"{result.training_steps} steps, {result.seconds:.1f} s; "
            f"about {_duration(left)} left",
            flush=True,
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
