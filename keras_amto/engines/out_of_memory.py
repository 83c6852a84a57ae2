"""Saying what to do where a device has not enough memory."""

import contextlib
import math
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import ml_dtypes  # noqa: F401  (lets NumPy know bfloat16 and its kin)
import numpy as np

_SIGNS = ("resource_exhausted", "resourceexhausted", "out of memory", "oom ")


@contextlib.contextmanager
def explained_out_of_memory(
    network: keras.Model,
    optimizer: keras.Optimizer,
    batch_size: int,
    scope: Callable[[], contextlib.AbstractContextManager[Any]],
) -> Iterator[None]:
    """Turns a backend's error about memory into one that helps.

    Args:
        network: What a worker is built for.
        optimizer: What it trains with.
        batch_size: Integer, the samples that it is tried with.
        scope: Makes the context in which the worker is built.

    Raises:
        MemoryError: where the code within runs out of memory.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        weights, slots = megabytes(network.weights), 0.0
        if optimizer.built:
            slots = megabytes(optimizer.variables)
        with scope():
            device = device_in_use()
        reason = str(error).strip().splitlines()
        raise MemoryError(
            f"A worker for the model {network.name!r} does not fit into the "
            f"memory of {device}: "
            f"{reason[0] if reason else type(error).__name__} "
            f"Received: {weights:.0f} MB of weights and {slots:.0f} MB of "
            f"optimizer variables a network, batches of {batch_size} samples. "
            "Expected: less at once. A smaller `batch_size` lowers what a step "
            "takes; fewer tasks lower what their networks take, and "
            "num_tasks=1 needs no shadow; two devices a unit hold one worker "
            "each."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Says whether an error, of whatever backend, is about memory."""
    text = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(s in text for s in _SIGNS)


def megabytes(variables: list[keras.Variable]) -> float:
    """What variables take, in units of 2**20 bytes."""
    sizes = [
        math.prod(v.shape) * np.dtype(str(v.dtype)).itemsize for v in variables
    ]
    return float(sum(sizes)) / 2**20


def device_in_use() -> str:
    """Names the device on which variables are made just now."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        if tf.distribute.has_strategy():
            strategy = tf.distribute.get_strategy()
            return str(strategy.extended.worker_devices[0])
    devices = keras.distribution.list_devices()
    return str(devices[0])
