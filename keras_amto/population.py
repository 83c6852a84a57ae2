"""The state of a run between two rounds, as a value."""

import dataclasses

import numpy as np
import numpy.typing as npt

from keras_amto.engines import Replica
from keras_amto.engines import TaskState


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """M masters and what they have learned about each other.

    Attributes:
        masters: The M replicas theta_m.
        states: The M task states.
        relationships: Float array of shape `(M, M)`, the lists RL_m.
        step: Integer, the training steps that each master has made.
        round: Integer, the number of rounds so far.
    """

    masters: tuple[Replica, ...]
    states: tuple[TaskState, ...]
    relationships: npt.NDArray[np.float64]
    step: int = 0
    round: int = 0
