"""Saying in a user's words what a step of Keras cannot work with."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_amto.engines.out_of_memory import is_out_of_memory


def is_loss_of_machine(error: BaseException) -> bool:
    """Says whether an error is that of a server that cannot be reached."""
    # By its name: only TensorFlow has it, which not every backend imports.
    return type(error).__name__ == "UnavailableError"


@contextlib.contextmanager
def explained_misfit(sample: Any, loss: Any, label: str = "") -> Iterator[None]:
    """Explains what a step raises on data that do not fit the model.

    Args:
        sample: The batch, as `IndexedData`.
        loss: What the model is compiled with.
        label: String, which data these are, where it is not those of `fit`.

    Raises:
        ValueError: in the place of any exception of a step, but for a lack of
            memory and the loss of a machine.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error) or is_loss_of_machine(error):
            raise
        like = keras.tree.map_structure(
            lambda a: None if a is None else f"{a.dtype}{list(a.shape[1:])}",
            {
                "x": sample.x,
                "y": sample.y,
                "sample_weight": sample.sample_weight,
            },
        )
        raise ValueError(
            f"A step of the model fails on {label or 'the data'}: {error} "
            f"Received: samples like {like}, and loss={loss!r}. "
            "Expected: targets `y` and a `sample_weight` that fit the "
            "outputs, the loss and the metrics that the model is compiled "
            "with."
        ) from error
