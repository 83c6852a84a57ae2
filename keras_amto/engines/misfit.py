"""Saying in a user's words what a step of Keras cannot work with."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_amto.engines.out_of_memory import is_out_of_memory


@contextlib.contextmanager
def explained_misfit(sample: Any, loss: Any, label: str = "") -> Iterator[None]:
    """Explains what a step raises on data that do not fit the model.

    Args:
        sample: The batch, as `IndexedData`.
        loss: What the model is compiled with.
        label: String, which data these are, where it is not those of `fit`.

    Raises:
        ValueError: in the place of any exception of a step, but for a lack of
            memory and the loss of another worker process.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
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
