"""What is known of each task's validation set while a fit runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Logs
from keras_amto.engines import OnProgress
from keras_amto.engines import Replica
from keras_amto.tasks import Samples


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
        on_progress: OnProgress,
    ) -> None:
        self._engine = engine
        self._on_progress = on_progress
        self._masters: list[Logs | None] = [None] * len(sets)
        self._shadows: list[Logs | None] = [None] * len(sets)
        self.sets = list(sets)
        #: Float array of shape `(M,)`, each master's latest validation loss, be
        #: it out of date; `None` before the first.
        self.losses: npt.NDArray[np.float64] | None = None

    def forget(self, task: int) -> None:
        """Takes what is known of a task to be out of date."""
        self._masters[task] = self._shadows[task] = None

    def remember(self, task: int, logs: Sequence[Logs]) -> None:
        """Takes the logs of a master, and of its shadow where there is one."""
        self._masters[task], *shadow = logs
        self._shadows[task] = shadow[0] if shadow else None

    def of_masters(self, masters: Sequence[Replica]) -> list[Logs]:
        """Returns the logs of every master on its own validation set."""
        self._evaluate_unknown([(master,) for master in masters])
        self.losses = self.master_losses()
        return [logs for logs in self._masters if logs is not None]

    def of_replicas(self, replicas: Sequence[tuple[Replica, ...]]) -> None:
        """Evaluates every master, and its shadow where there is one."""
        self._evaluate_unknown(replicas)

    def _evaluate_unknown(
        self, replicas: Sequence[tuple[Replica, ...]]
    ) -> None:
        known = (self._masters, self._shadows)
        jobs = [
            EvaluationJob(task, of_task, self.sets[task])
            for task, of_task in enumerate(replicas)
            if any(known[i][task] is None for i in range(len(of_task)))
        ]
        if jobs:
            outcomes = self._engine.evaluate(jobs, self._on_progress)
            for job, logs in zip(jobs, outcomes, strict=True):
                self.remember(job.task, logs)

    def master_losses(self) -> npt.NDArray[np.float64]:
        """J(theta_m | D_m^v) of every task; all must have been evaluated."""
        return _losses(self._masters)

    def shadow_losses(self) -> npt.NDArray[np.float64]:
        """J(theta-bar_m | D_m^v) of every task, likewise."""
        return _losses(self._shadows)

    def settle(
        self, accepted: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """Takes the logs of accepted shadows for those of their masters.

        Returns:
            The masters' losses then.
        """
        for task in np.flatnonzero(accepted):
            self._masters[task] = self._shadows[task]
        self.losses = losses = self.master_losses()
        return losses

    def evaluate(self, task: int, replica: Replica, samples: Samples) -> Logs:
        """Evaluates a task's replica on any samples; nothing is remembered."""
        job = EvaluationJob(task, (replica,), samples)
        (logs,) = self._engine.evaluate([job], self._on_progress)[0]
        return logs


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
