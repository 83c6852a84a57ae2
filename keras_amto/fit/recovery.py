"""Going on without a machine of the cluster that was lost."""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeVar

import numpy as np

from keras_amto.distribution import LostMachineError
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.fit.carried import Carried

_SECONDS_BETWEEN_CHECKS = 2.0

Result = TypeVar("Result")

_logger = logging.getLogger("keras_amto")


class Watch:
    """Asks the servers of a cluster, all the time, whether they are there.

    One that was killed is noticed by TensorFlow's own errors, one that fell
    silent by this alone.

    Args:
        cluster: A `Cluster`.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._has_noticed = False

    def check(self) -> None:
        """Raises a `LostMachineError` where a server does not answer."""
        if self._has_noticed:
            self._has_noticed = False
            self._cluster.check()  # it may have been seen to meanwhile

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Watches for as long as the context is open."""
        stopped = threading.Event()

        def ask() -> None:
            while not stopped.wait(_SECONDS_BETWEEN_CHECKS):
                try:
                    self._cluster.check()
                except LostMachineError:
                    self._has_noticed = True

        thread = threading.Thread(
            target=ask, name="keras_amto_watch", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


def on_machines_left(
    cluster: Any, carried: Carried, prepare: Callable[[], Result]
) -> Result:
    """Prepares a training, again where a machine is lost meanwhile.

    Args:
        cluster: A `Cluster`, or `None`.
        carried: What the model has; its run lies on this machine.
        prepare: Does it.
    """
    if cluster is None:
        return prepare()
    run = carried.run
    if cluster.refresh():
        carried.engine = None
    with Watch(cluster).running():
        while True:
            try:
                with cluster.losses_explained():
                    return prepare()
            except LostMachineError:
                # What was made on the machine cannot be read any more.
                carried.engine, carried.run = None, run
                log_change(cluster.refresh(), 0 if run is None else run.step)


class Copies:
    """Copies records into this machine's memory, each value once.

    What was copied by the last call, and is part of a record again, is not
    fetched again: a task's best network, say, while it has no better one.
    """

    def __init__(self) -> None:
        # By `id`, with what has it: else another object might get the same.
        self._known: dict[int, tuple[Any, Any]] = {}

    def copy(self, value: Any, engine: Engine | None = None) -> Any:
        """Returns a record with NumPy arrays in the place of tensors.

        Args:
            value: A record, with records, tuples, lists and dicts in it. What
                is one object in it stays one.
            engine: Fetches replicas in few messages, where there is one.
        """
        known: dict[int, tuple[Any, Any]] = {}

        def copy(item: Any) -> Any:
            key = id(item)
            if key not in known:
                known[key] = self._known.get(key) or (item, made(item))
            return known[key][1]

        def made(item: Any) -> Any:
            if isinstance(item, Replica) and engine is not None:
                near = engine.on_host(item)
                return Replica(*(tuple(map(np.asarray, v)) for v in near))
            if dataclasses.is_dataclass(item) and not isinstance(item, type):
                names = [field.name for field in dataclasses.fields(item)]
                changed = {name: copy(getattr(item, name)) for name in names}
                return dataclasses.replace(item, **changed)
            if hasattr(item, "_fields"):
                return type(item)(*map(copy, item))
            if isinstance(item, tuple):
                return tuple(map(copy, item))
            return np.asarray(item) if hasattr(item, "numpy") else item

        result = copy(value)
        self._known = known
        return result


def log_change(changed: list[str], step: int) -> None:
    """Tells the user which machines came or went."""
    _logger.warning(
        "The machines of the cluster have changed (%s). Training goes on from "
        "step %d, where the round began.",
        ", ".join(changed) or "one was lost for a moment",
        step,
    )
