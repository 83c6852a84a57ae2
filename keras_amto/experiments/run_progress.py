"""How far a run is, and how much time is left."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TextColumn

from keras_amto.callbacks import RoundCallback
from keras_amto.ledger import Record


class RunProgress(RoundCallback):
    """Shows a bar on a terminal, and else prints a line now and then.

    Args:
        steps: Integer, the steps that a run makes at most.
        clock: Returns seconds.
    """

    #: Seconds between two lines, where there is no terminal.
    every = 10.0

    def __init__(self, steps: int, clock: Any = time.monotonic) -> None:
        super().__init__()
        self._steps = steps
        self._clock = clock
        self._before: int | None = None  # steps made when it began
        self._begin = self._told = clock()
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("the first round", total=steps)

    def on_train_begin(self, logs: Any = None) -> None:
        self._begin = self._told = self._clock()
        self._bar.start()

    def on_round_begin(self, round: int) -> None:
        if self._before is None:
            records = self.model.ledger
            self._before = records[-1].step if len(records) else 0

    def on_round_end(self, round: int, record: Record) -> None:
        best = float(min(record.master_losses))
        self.show(record.step, f"lowest validation loss {best:.4f}")

    def on_train_end(self, logs: Any = None) -> None:
        self._bar.stop()

    def show(self, step: int, figure: str = "") -> None:
        """Shows how many steps are done."""
        now = self._clock()
        made = step - (self._before or 0)
        left = (now - self._begin) / max(1, made) * (self._steps - step)
        text = f"step {step} of {self._steps}, at most {spoken(left)} left"
        text = ", ".join(filter(None, (text, figure)))
        self._bar.update(self._task, completed=step, description=text)
        is_last = step >= self._steps
        if self._bar.disable and (now - self._told >= self.every or is_last):
            print(text, file=sys.stderr, flush=True)
            self._told = now


def spoken(seconds: float) -> str:
    """Says a time in the unit that suits it.

    >>> spoken(42), spoken(600), spoken(3 * 3600)
    ('42 s', '10 min', '3.0 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
