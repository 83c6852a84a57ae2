"""What samples are read from, again and again."""

import abc
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


class Source(abc.ABC):
    """Batches of samples that can be read any number of times.

    Attributes:
        kind: String, how messages call it.
        remedy: String, what makes every pass give the same samples in the same
            order.
        batch_size: Integer, that of the source, `None` until it is known.
        size: Integer, the number of samples, `None` where it is not known.
    """

    kind: str
    remedy: str
    batch_size: int | None
    size: int | None

    @abc.abstractmethod
    def read(
        self, wanted: IntArray | None = None
    ) -> Iterator[tuple[IntArray, Any]]:
        """Makes one pass.

        Args:
            wanted: Integer array, ascending: the positions that have to be
                among what is read, or `None` for all. Others may be.

        Yields:
            The positions of a batch, and the batch: `x`, `(x, y)` or
            `(x, y, sample_weight)`.

        Raises:
            ValueError: if something cannot be read, naming it.
        """
