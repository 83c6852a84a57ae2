"""The records of all rounds, and their file."""

import os
import warnings
from collections.abc import Iterable
from collections.abc import Sequence
from typing import overload

from keras_amto.arguments import check_path
from keras_amto.arguments import wrong_type
from keras_amto.ledger.record import Record


class Ledger(Sequence[Record]):
    """The records of all rounds, in order. Immutable.

    Args:
        records: The records. Defaults to `()`, none.

    Raises:
        TypeError: if it is not an iterable of records.

    Example:

    ```python
    model.ledger[-1].accepted          # who was replaced by a shadow last
    model.ledger.save("run.jsonl")
    assert keras_amto.Ledger.load("run.jsonl") == model.ledger
    ```
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        expected = "an iterable of keras_amto.ledger.Record"
        if not isinstance(records, Iterable):
            raise wrong_type("records", records, "iterable", expected)
        self._records = tuple(records)
        for record in self._records:
            if not isinstance(record, Record):
                raise wrong_type("records", record, "a record", expected)

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
            path: Where to write. An existing file is replaced.

        Raises:
            TypeError: if `path` is not a path.
            ValueError: if it is empty.
        """
        with open(check_path("path", path), "w", encoding="utf-8") as file:
            file.writelines(f"{record.to_json()}\n" for record in self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Ledger":
        """Reads a ledger that `save` wrote.

        A last line without its end, as a crash leaves it, is left out with a
        warning.

        Args:
            path: The file.

        Raises:
            TypeError: if `path` is not a path.
            ValueError: if a line is not a record. The message names the line.
        """
        path = check_path("path", path)
        records = []
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    warnings.warn(
                        f"Line {number} of {path} is cut short and left out: "
                        "the run was killed while writing it.",
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
