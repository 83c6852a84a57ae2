"""What happened in one round: enough to replay its decisions."""

import dataclasses

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import check_integer
from keras_amto.ledger import strict_json

_DTYPES = {"donors": np.int64, "accepted": np.bool_, "wait": np.int64}
_SQUARE = ("donor_probabilities", "relationships")


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One round. Arrays are read-only.

    Attributes:
        round: Integer, counted from 0 over the life of the model.
        step: Integer, the training steps that each master has made.
        donors: Integer array of shape `(M,)`, the task whose network each
            shadow started from; `None` with M = 1.
        donor_probabilities: Float array of shape `(M, M)` from which the donors
            were drawn (eq. 4); `None` with M = 1.
        master_losses: Float array of shape `(M,)`, J(theta_m | D_m^v) before
            the decision.
        shadow_losses: Float array of shape `(M,)`, J(theta-bar_m | D_m^v);
            `None` with M = 1.
        accepted: Boolean array of shape `(M,)`, whether the shadow replaced the
            master.
        relationships: Float array of shape `(M, M)`, after the update (eq. 6).
        wait: Integer array of shape `(M,)`, the validations since each task's
            best.

    Raises:
        TypeError: if `round` or `step` is not an integer.
        ValueError: if numbers or shapes contradict each other.

    Example:

    ```python
    record = model.ledger[-1]
    print(record.step, record.donors, record.accepted)
    assert keras_amto.ledger.Record.from_json(record.to_json()) == record
    ```
    """

    round: int
    step: int
    donors: npt.NDArray[np.int64] | None
    donor_probabilities: npt.NDArray[np.float64] | None
    master_losses: npt.NDArray[np.float64]
    shadow_losses: npt.NDArray[np.float64] | None
    accepted: npt.NDArray[np.bool_]
    relationships: npt.NDArray[np.float64]
    wait: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        check_integer("round", self.round, 0)
        check_integer("step", self.step, 0)
        num_tasks = len(self.accepted)
        for name, value in vars(self).items():
            if name in ("round", "step") or value is None:
                continue
            frozen = np.array(value)
            frozen.setflags(write=False)
            object.__setattr__(self, name, frozen)
            shape = (num_tasks,) * (2 if name in _SQUARE else 1)
            if frozen.shape != shape:
                raise ValueError(
                    f"{name} has shape {frozen.shape}, not {shape}"
                )
        donors = [] if self.donors is None else self.donors.tolist()
        if not set(donors) <= set(range(num_tasks)):
            raise ValueError(f"there are no donors {donors}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> str:
        """Returns the record as one line of strict JSON.

        Floats are written so that they read back bit for bit; NaN and the
        infinities, which JSON lacks, become the strings `"nan"`, `"inf"` and
        `"-inf"`.
        """
        return strict_json.to_json(self)

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """Reads what `to_json` wrote.

        Raises:
            TypeError: if `line` is not a string.
            ValueError: if it holds no record.
        """
        what = "a ledger record"
        return strict_json.from_json(cls, line, "line", what, _DTYPES)
