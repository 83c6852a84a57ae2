"""The ledger: what happened in every round, enough to replay the decisions."""

import dataclasses
import json
import os
import warnings
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import overload

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.arguments import wrong_type


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
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                frozen = value.copy()
                frozen.setflags(write=False)
                object.__setattr__(self, field.name, frozen)

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
        values = {
            field.name: _plain(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """Reads what `to_json` wrote.

        Raises:
            TypeError: if `line` is not a string.
            ValueError: if it holds no record.
        """
        expected = "a line from `Record.to_json`"
        if not isinstance(line, str):
            raise wrong_type("line", line, "a string", expected)
        try:
            values = json.loads(line)
            for name, dtype in _ARRAY_TYPES.items():
                if values[name] is not None:
                    values[name] = np.asarray(values[name], dtype=dtype)
            record = cls(**values)
            _check_numbers(record)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"`line` is not a ledger record: {error}. "
                f"Received: line={line[:80]!r}. Expected: {expected}."
            ) from error
        return record


_ARRAY_TYPES = {
    "donors": np.int64,
    "donor_probabilities": np.float64,
    "master_losses": np.float64,
    "shadow_losses": np.float64,
    "accepted": np.bool_,
    "relationships": np.float64,
    "wait": np.int64,
}


def _check_numbers(record: Record) -> None:
    """Raises where the numbers of a record contradict each other."""
    check_integer("round", record.round, 0)
    check_integer("step", record.step, 0)
    (num_tasks,) = record.accepted.shape
    for name in _ARRAY_TYPES:
        square = name in ("donor_probabilities", "relationships")
        array, shape = getattr(record, name), (num_tasks,) * (1 + square)
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    donors = record.donors
    if donors is not None and not ((donors >= 0) & (donors < num_tasks)).all():
        raise ValueError(f"there are no donors {donors.tolist()}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def check_records(records: Any) -> tuple[Record, ...]:
    """Returns records as a tuple.

    Args:
        records: An iterable of `Record`.

    Raises:
        TypeError: if it is none, or holds something else.
    """
    expected = "an iterable of keras_amto.ledger.Record"
    if not isinstance(records, Iterable):
        raise wrong_type("records", records, "iterable", expected)
    found = tuple(records)
    for record in found:
        if not isinstance(record, Record):
            raise wrong_type("records", record, "of records alone", expected)
    return found


class Ledger(Sequence[Record]):
    """The records of all rounds, in order. Immutable.

    Args:
        records: The records.

    Raises:
        TypeError: if there is something else among them.

    Example:

    ```python
    model.ledger[-1].accepted          # who took over a shadow last
    model.ledger.save("run.jsonl")
    assert keras_amto.Ledger.load("run.jsonl") == model.ledger
    ```
    """

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._records = check_records(records)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> "Ledger": ...

    def __getitem__(self, index: int | slice) -> "Record | Ledger":
        if isinstance(index, slice):
            return Ledger(self._records[index])
        return self._records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ledger):
            return NotImplemented
        return self._records == other._records

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Ledger of {len(self)} rounds>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the ledger as JSON Lines, one record a line.

        Args:
            path: Where to write; a file that is there is replaced.

        Raises:
            TypeError: if `path` is not a path.
            ValueError: if it is empty.
        """
        with open(check_path("path", path), "w", encoding="utf-8") as file:
            for record in self:
                file.write(record.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Ledger":
        """Reads a ledger that `save` wrote.

        Args:
            path: The file.

        Returns:
            A `Ledger` equal to the one that was saved. A last line without its
            end, as a crash leaves it, is left out with a warning.

        Raises:
            TypeError: if `path` is not a path.
            ValueError: if a line is not a record, naming the line.
        """
        path = check_path("path", path)
        records = []
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    warnings.warn(
                        f"Line {number} of {path} is cut short and "
                        "left out: the run was killed while writing it.",
                        stacklevel=2,
                    )
                    break
                try:
                    records.append(Record.from_json(line.decode()))
                except ValueError as error:
                    raise ValueError(
                        f"Line {number} of {path} is not a ledger record: "
                        f"{error} Received: path={path!r}. "
                        "Expected: JSON Lines from `Ledger.save`."
                    ) from error
        return cls(records)
