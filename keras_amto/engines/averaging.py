"""Averages of replicas, wherever they lie, as replicas on this machine."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_amto.algorithm import RunningMean
from keras_amto.algorithm import merge
from keras_amto.engines.engine import Engine
from keras_amto.engines.records import Replica


def merge_replicas(engine: Engine, replicas: Sequence[Replica]) -> Replica:
    """Returns the mean of replicas; counters are the first's.

    Replicas that are not finite are left out, so that a network that has
    diverged can be replaced and spoils no other: a mean would keep its NaN.
    """
    hosts = [engine.on_host(replica) for replica in replicas]
    hosts = [h for h in hosts if are_finite(h.weights)] or hosts
    return Replica(
        merge([host.weights for host in hosts]),
        merge([host.optimizer for host in hosts]),
    )


def add_replicas(
    engine: Engine, mean: RunningMean, replicas: Sequence[Replica]
) -> RunningMean:
    """Returns a mean of weights with those of more replicas in it.

    Replicas that are not finite are left out.
    """
    hosts = [engine.on_host(replica) for replica in replicas]
    members = [h.weights for h in hosts if are_finite(h.weights)]
    return mean.add(members) if members else mean


def are_finite(values: Iterable[Any]) -> bool:
    """Returns whether no number in arrays on the host is NaN or infinite."""
    return all(
        np.isfinite(np.asarray(value).astype(np.float64)).all()
        for value in values
    )
