"""What an entry of the table says."""

import dataclasses
import enum


class Reason(enum.Enum):
    """Why a test of Keras may fail on AMTO."""

    REFUSED = "a documented refusal"
    EXTRA_KEYS = "extra keys in logs or summaries"
    SAVED_MODEL = "the name or class of the saved model"
    METHOD = "tasks are validated, where Keras would only train"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A test that fails.

    Attributes:
        reason: Why.
        why: String, one line about it.
        message: String, a pattern found in what the test fails with.
    """

    reason: Reason
    why: str
    message: str


def entries(
    file: str, reason: Reason, why: str, message: str, *names: str
) -> dict[str, Entry]:
    """Makes entries of tests that fail alike.

    Args:
        file: String, the file and the class of the tests.
        reason: Why they fail.
        why: String, one line about it.
        message: String, a pattern.
        *names: The names of the tests.
    """
    entry = Entry(reason, why, message)
    return {f"{file}::{name}": entry for name in names}
