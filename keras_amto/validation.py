"""What is known of each task's validation set while a fit runs."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.engines import Engine
from keras_amto.engines import Logs
from keras_amto.engines import Replica
from keras_amto.planning import Samples


class Validation:
    """Evaluates masters and shadows on D_m^v, each of them once.

    Args:
        engine: Who evaluates.
        sets: The validation set of each task.
        on_progress: Called from time to time while evaluating.
    """

    def __init__(
        self,
        engine: Engine,
        sets: Sequence[Samples],
        on_progress: Callable[[int], None],
    ) -> None:
        self._engine = engine
        self._on_progress = on_progress
        self._masters: list[Logs | None] = [None] * len(sets)
        self._shadows: list[Logs | None] = [None] * len(sets)
        self.sets = list(sets)
        #: Float array of shape `(M,)`, each master's latest validation loss, be
        #: it out of date; NaN before the first.
        self.losses = np.full(len(sets), np.nan)
        #: Whether any master was validated.
        self.has_begun = False

    def forget(self, task: int) -> None:
        """Takes what is known of a task to be out of date."""
        self._masters[task] = self._shadows[task] = None

    def of_master(self, task: int, master: Replica) -> Logs:
        """Returns the logs of a master on its own validation set."""
        logs = self._masters[task]
        if logs is None:
            (logs,) = self.evaluate((master,), self.sets[task])
            self._masters[task] = logs
        self.losses[task] = logs["loss"]
        self.has_begun = True
        return logs

    def of_replicas(self, task: int, replicas: tuple[Replica, ...]) -> None:
        """Evaluates a master, and its shadow where there is one."""
        if len(replicas) == 1:
            self.of_master(task, replicas[0])
        elif self._shadows[task] is None:
            self._masters[task], self._shadows[task] = self.evaluate(
                replicas, self.sets[task]
            )

    def master_losses(self) -> npt.NDArray[np.float64]:
        """J(theta_m | D_m^v) of every task; all must have been evaluated."""
        return _losses(self._masters)

    def shadow_losses(self) -> npt.NDArray[np.float64]:
        """J(theta-bar_m | D_m^v) of every task, likewise."""
        return _losses(self._shadows)

    def settle(self, accepted: npt.NDArray[np.bool_]) -> None:
        """Takes the logs of accepted shadows for those of their masters."""
        for task in np.flatnonzero(accepted):
            self._masters[task] = self._shadows[task]
        self.losses = self.master_losses()
        self.has_begun = True

    def evaluate(
        self, replicas: tuple[Replica, ...], samples: Samples
    ) -> tuple[Logs, ...]:
        """Evaluates replicas on any samples; nothing is remembered."""
        return self._engine.evaluate(
            replicas, samples.data, samples.batches, self._on_progress
        )


def mean_logs(logs: Sequence[Logs]) -> Logs:
    """Averages the logs of several tasks, key by key."""
    return {
        name: _plain(np.mean([entry[name] for entry in logs], axis=0))
        for name in logs[0]
    }


def _losses(logs: Sequence[Logs | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if e is None else e["loss"] for e in logs])


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value
