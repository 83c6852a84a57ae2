"""Some samples of a set, to evaluate on."""

import dataclasses

from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.sample_set import SampleSet


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Some samples of a set, in batches, to evaluate on.

    Attributes:
        data: The set.
        batches: The batches, as positions in it.
    """

    data: SampleSet
    batches: BatchWindow
