"""An engine round another one."""

from collections.abc import Sequence
from typing import Any

from keras_amto.engines.engine import Engine
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState


class ForwardingEngine(Engine):
    """Leaves to another engine what values are; how to train stays open.

    Args:
        inner: The other engine.
    """

    def __init__(self, inner: Engine) -> None:
        self._inner = inner

    @property
    def metrics(self) -> list[Any]:
        return self._inner.metrics

    @property
    def metric_names(self) -> list[str]:
        return self._inner.metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        return self._inner.initial_replica(weights, optimizer)

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        return self._inner.initial_task_state(task, seed)

    def without_metrics(self, state: TaskState) -> TaskState:
        return self._inner.without_metrics(state)

    def finalize(self, replica: Replica) -> Replica:
        return self._inner.finalize(replica)

    def to_arrays(self, replica: Replica) -> Replica:
        return self._inner.to_arrays(replica)

    def from_arrays(self, replica: Replica) -> Replica:
        return self._inner.from_arrays(replica)

    def state_to_arrays(self, state: TaskState) -> TaskState:
        return self._inner.state_to_arrays(state)

    def state_from_arrays(self, state: TaskState) -> TaskState:
        return self._inner.state_from_arrays(state)
