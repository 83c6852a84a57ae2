"""A limit of time on one `fit`."""

import time
from collections.abc import Callable

from keras_amto.fit.plan import FitPlan

_ROUNDS = 3  # the last ones, of which the longest is expected to come again


class TimeLimit:
    """Says, as a round ends, whether there is time for one more.

    After that there has to be time to select the winner. It is expected to take
    what its samples take in a round if a training step costs no more than an
    evaluation. It costs some three times as much, so there is time to spare.

    Args:
        seconds: Float, the limit.
        began: Float, what the clock showed when it began to count.
        plan: What is trained.
        answer: String, what `AMTOCallback` asks for.
        clock: Returns seconds, from any beginning.
    """

    def __init__(
        self,
        seconds: float,
        began: float,
        plan: FitPlan,
        answer: str = "winner",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._end = began + seconds
        self._clock = clock
        #: What selecting the winner takes, in rounds.
        self.selection_rounds = _selection_rounds(plan, answer)
        self._rounds: list[float] = []
        self._last = began

    def is_reached(self) -> bool:
        """Says, as a round ends, whether the next would end too late."""
        now = self._clock()
        self._rounds.append(now - self._last)
        self._last = now
        # Graphs are traced in the first one.
        recent = (self._rounds[1:] or self._rounds)[-_ROUNDS:]
        longest = max(recent)
        return now + (1 + self.selection_rounds) * longest > self._end


def _selection_rounds(plan: FitPlan, answer: str) -> float:
    """How many rounds selecting the winner takes, at most."""
    tasks, settings = plan.tasks, plan.settings
    replicas = 1 if len(tasks) == 1 else 2
    validated = sum(len(task.validation_indices) for task in tasks)
    trained = (
        len(tasks) * settings.transfer_interval * plan.batches[0].batch_size
    )
    in_round = replicas * (trained + validated)
    clean = plan.clean_set
    each = validated + (0 if clean is None else len(clean.batches.order))
    # An ensemble is evaluated as a whole, after its networks and the average.
    others = {"winner": 0, "average": 1, "ensemble": 1 + len(tasks)}
    candidates = len(tasks) + others[answer]
    statistics = 0 if answer == "winner" else plan.data.size
    return (candidates * each + statistics) / in_round
