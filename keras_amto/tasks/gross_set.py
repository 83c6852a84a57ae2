"""The gross training set: every sample a fit was given, held once."""

import dataclasses
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Structure = Any  # an array, or nested dicts, lists and tuples of arrays
IntArray = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class GrossSet:
    """Samples in memory, of which tasks are views by index.

    One copy serves any number of tasks and passes: a task is two arrays of
    positions, and a batch is gathered when it is needed. Data keep their types
    until then (images of uint8 stay uint8).

    Attributes:
        x: Inputs, a NumPy array or nested dicts, lists and tuples of arrays,
            whose first axis counts samples.
        y: Targets of the same kind, or `None`.
        sample_weight: Weights of the same kind, or `None`.
        size: Integer, the number of samples.
        class_weights: Weights by class, spread over the samples, or `None`.
            They count in training alone, as in Keras.
    """

    x: Structure
    y: Structure
    sample_weight: Structure
    size: int
    class_weights: Structure = None

    @property
    def arrays(self) -> Any:
        """`x`, `(x, y)` or `(x, y, sample_weight)`: what a Keras step takes."""
        return keras.utils.pack_x_y_sample_weight(
            self.x, self.y, self.sample_weight
        )

    def for_training(self) -> "GrossSet":
        """The same samples, weighted by their classes."""
        if self.class_weights is None:
            return self
        return GrossSet(self.x, self.y, self.class_weights, self.size)

    def batch(self, indices: IntArray) -> "GrossSet":
        """Gathers samples by position.

        Args:
            indices: Integer array of shape `(batch_size,)`.

        Returns:
            A `GrossSet` of these samples alone, in this order.
        """

        def gather(structure: Structure) -> Structure:
            if structure is None:
                return None
            return keras.tree.map_structure(lambda a: a[indices], structure)

        return GrossSet(
            gather(self.x),
            gather(self.y),
            gather(self.sample_weight),
            len(indices),
        )
