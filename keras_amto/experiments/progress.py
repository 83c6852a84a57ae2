"""How far a comparison is."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress

from keras_amto.experiments.results import Result


class ComparisonProgress(Progress):
    """Prints a line for each finished run, and shows a bar on a terminal."""

    def __init__(self, total: int, done: int, verbose: bool) -> None:
        console = Console(stderr=True)
        super().__init__(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            disable=not (verbose and console.is_terminal),
        )
        self._bar = self.add_task("", total=total, completed=done)
        self._verbose = verbose
        self._total = total
        self._before = self._done = done
        self._name = ""
        self._begin = time.monotonic()
        if verbose and done:
            print(f"{done} of {total} runs are done already", flush=True)

    def begin_run(self, arm: str, seed: int) -> None:
        """Says what is running."""
        self._name = f"seed {seed} {arm}"
        self.show_step(0)

    def show_step(self, step: int) -> None:
        """Shows the training steps that the run has done."""
        self.update(self._bar, description=f"{self._name}: step {step}")

    def end_run(self, result: Result) -> None:
        """Prints the result, and how long the rest may take."""
        self._done += 1
        self.update(self._bar, completed=self._done)
        if not self._verbose:
            return
        passed = time.monotonic() - self._begin
        runs = self._done - self._before
        left = passed / runs * (self._total - self._done)
        print(
            f"[{self._done:{len(str(self._total))}}/{self._total}] "
            f"{self._name}: test accuracy {100 * result.test_accuracy:.2f} %, "
            f"{result.training_steps} steps, {result.seconds:.1f} s; about "
            f"{f'{left:.0f} s' if left < 90 else f'{left / 60:.0f} min'} left",
            flush=True,
        )
