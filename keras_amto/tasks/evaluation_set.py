"""Samples to evaluate on."""

import dataclasses

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.indexed_data import IndexedData


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Some samples in batches, to evaluate on.

    Attributes:
        data: The samples, and perhaps others.
        batches: The batches, as positions in the data.
        seed: Integer, the only source of what layers draw in evaluation. Every
            network that is evaluated on this set draws the same.
    """

    data: IndexedData
    batches: BatchWindow
    seed: int = 0


def evaluation_seed(seed: int, number: int) -> int:
    """Returns the `EvaluationSet.seed` of one of the sets of a run.

    Args:
        seed: Integer, the seed of the run.
        number: Integer, m for D_m^v, M for the clean set.
    """
    stream = random_stream(seed, Purpose.EVALUATION, number)
    return int(stream.integers(2**31))
