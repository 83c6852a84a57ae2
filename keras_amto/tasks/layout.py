"""What all samples of a source look like."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import common_length
from keras_amto.tasks.arrays import to_arrays

Leaf = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The structure of `(x, y, sample_weight)`, and the types of its leaves.

    Attributes:
        structure: Nested dicts, lists and tuples, with the number of a leaf in
            the place of each, and `None` where there is nothing.
        shapes: The shape of one sample, by leaf.
        dtypes: By leaf.
    """

    structure: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype[Any], ...]

    @property
    def sample_bytes(self) -> int:
        """The memory of one sample."""
        return sum(
            math.prod(shape) * dtype.itemsize
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        )

    def pack(self, leaves: list[Leaf]) -> Any:
        """Puts leaves into the structure: `(x, y, sample_weight)`."""
        return keras.tree.map_structure(
            lambda number: None if number is None else leaves[number],
            self.structure,
        )

    def check(self, leaves: list[Leaf]) -> None:
        """Raises where a batch is unlike the first one."""
        received = [(leaf.shape[1:], leaf.dtype.name) for leaf in leaves]
        expected = [
            (shape, dtype.name)
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        ]
        # Texts differ in length, and so in type.
        if received != expected and not all(
            shape == other and dtype.kind in "OSU"
            for (shape, _), other, dtype in zip(
                received, self.shapes, self.dtypes, strict=False
            )
        ):
            raise ValueError(
                "The samples of the source differ in shape or type. "
                f"Received: {received} after {expected}. "
                "Expected: one shape and type for all samples; resize or pad "
                "them."
            )


def flatten(element: Any) -> tuple[list[Leaf], Any]:
    """Turns a batch into arrays.

    Args:
        element: `x`, `(x, y)` or `(x, y, sample_weight)` of batches.

    Returns:
        The arrays, and the structure of `(x, y, sample_weight)` with their
        numbers.

    Raises:
        TypeError: if a leaf is not an array.
        ValueError: if the leaves hold different numbers of samples.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(element)
    parts = (
        to_arrays(x, "x"),
        to_arrays(y, "y"),
        to_arrays(sample_weight, "sample_weight"),
    )
    common_length(x=parts[0], y=parts[1], sample_weight=parts[2])
    leaves: list[Leaf] = []

    def number(leaf: Leaf | None) -> int | None:
        if leaf is None:
            return None
        # Texts as objects, of which each has the length that it has.
        leaves.append(leaf.astype(object) if leaf.dtype.kind in "SU" else leaf)
        return len(leaves) - 1

    structure = keras.tree.map_structure(number, parts)
    return leaves, structure


def layout_of(leaves: list[Leaf], structure: Any) -> Layout:
    """Returns the layout of what `flatten` gave."""
    return Layout(
        structure,
        tuple(leaf.shape[1:] for leaf in leaves),
        tuple(leaf.dtype for leaf in leaves),
    )
