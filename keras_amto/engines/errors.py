"""Saying in a user's words what a backend cannot do."""

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

_MEMORY = re.compile(
    r"resource_?exhausted|out of memory|\boom\b", re.IGNORECASE
)


def is_out_of_memory(error: BaseException) -> bool:
    """Says whether an error, of whatever backend, is about memory."""
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or bool(_MEMORY.search(text))


def is_loss_of_machine(error: BaseException) -> bool:
    """Says whether an error is that of a server that cannot be reached."""
    # By its name: only TensorFlow has it, which not every backend imports.
    return type(error).__name__ == "UnavailableError"


@contextlib.contextmanager
def explained(problem: str, received: str, expected: str) -> Iterator[None]:
    """Makes a `ValueError` of what user code raises.

    A lack of memory and the loss of a machine stay as they are.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error) or is_loss_of_machine(error):
            raise
        raise ValueError(
            f"{problem}: {error} Received: {received}. Expected: {expected}."
        ) from error


def explained_misfit(
    sample: Any, loss: Any, label: str = "the data"
) -> contextlib.AbstractContextManager[None]:
    """Explains what a step raises on an `IndexedData` that does not fit."""
    names = ("x", "y", "sample_weight")
    like = keras.tree.map_structure(
        lambda a: None if a is None else f"{a.dtype}{list(a.shape[1:])}",
        {name: getattr(sample, name) for name in names},
    )
    return explained(
        f"A step of the model fails on {label}",
        f"samples like {like}, and loss={loss!r}",
        "targets `y` and a `sample_weight` that fit the outputs, the loss and "
        "the metrics that the model is compiled with",
    )


@contextlib.contextmanager
def explained_out_of_memory(
    network: keras.Model,
    optimizer: keras.Optimizer,
    batch_size: int,
    device: str,
) -> Iterator[None]:
    """Makes a `MemoryError` of what a backend raises where a worker is made."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        slots = optimizer.variables if optimizer.built else []
        reason = str(error).strip().splitlines()
        raise MemoryError(
            f"A worker for the model {network.name!r} does not fit into the "
            f"memory of {device}: "
            f"{reason[0] if reason else type(error).__name__} "
            f"Received: {_megabytes(network.weights):.0f} MB of weights and "
            f"{_megabytes(slots):.0f} MB of optimizer variables a network, "
            f"batches of {batch_size} samples. "
            "Expected: less at once. A smaller `batch_size` lowers what a step "
            "takes; fewer tasks lower what their networks take, and "
            "num_tasks=1 needs no shadow; two devices a unit hold one worker "
            "each."
        ) from error


def _megabytes(variables: list[keras.Variable]) -> float:
    """What variables take, in units of 2**20 bytes."""
    sizes = (
        math.prod(v.shape) * np.dtype(str(v.dtype)).itemsize for v in variables
    )
    return float(sum(sizes)) / 2**20
