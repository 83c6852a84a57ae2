"""What engines take samples from."""

import abc
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.tasks.batches import BatchWindow

if TYPE_CHECKING:
    from keras_amto.tasks.gross_set import GrossSet

IntArray = npt.NDArray[np.int64]


class SampleSet(abc.ABC):
    """Samples that are known by their positions 0 ... n - 1.

    `GrossSet` holds them in memory; `StreamedSet` reads them when they are
    needed, and wants to be told in time which those are.
    """

    size: int

    @property
    @abc.abstractmethod
    def labels(self) -> npt.NDArray[Any]:
        """One class a sample; a `ValueError` where targets are not classes."""

    @property
    @abc.abstractmethod
    def digest(self) -> str:
        """A short text that other samples have another of."""

    @property
    @abc.abstractmethod
    def non_finite(self) -> dict[str, int]:
        """The first sample with NaN or infinity, by argument, if any."""

    @abc.abstractmethod
    def for_training(self) -> "SampleSet":
        """The same samples, weighted by their classes."""

    @abc.abstractmethod
    def sample(self, size: int) -> "GrossSet":
        """Returns some samples, at most `size`, to build networks with."""

    @abc.abstractmethod
    def batch(self, indices: IntArray) -> "GrossSet":
        """Gathers samples by position.

        Args:
            indices: Integer array of shape `(batch_size,)`.

        Returns:
            A `GrossSet` of these samples alone, in this order.
        """

    @abc.abstractmethod
    def parts(
        self, batches: BatchWindow
    ) -> Iterator[tuple["GrossSet", BatchWindow]]:
        """Cuts batches into runs that fit into memory.

        Args:
            batches: Batches, as positions in this set.

        Yields:
            A set in memory, and consecutive batches as positions in that.
        """

    @abc.abstractmethod
    def keep(self, indices: IntArray) -> None:
        """Says that samples are needed again and again, for evaluation."""

    @abc.abstractmethod
    def expect(self, indices: IntArray, then: IntArray | None) -> None:
        """Says which samples training needs next.

        Args:
            indices: Integer array, positions of which some may be repeated.
            then: Those that it needs after these, or `None`.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Stops what is under way. Samples can still be read."""
