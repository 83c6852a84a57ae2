"""What the arguments of `AMTOModel` and its `fit` have to be."""

import dataclasses
import numbers
from collections.abc import Collection
from typing import Any

from keras_amto.engines import ENGINES

SELECTIONS = ("adaptive", "uniform")


def check_integer(name: str, value: Any, minimum: int) -> int:
    """Returns the value as an `int`, or says what it should have been."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(
            f"`{name}` is no integer. "
            f"Received: {name}={value!r} (of type {type(value).__name__}). "
            f"Expected: an integer of at least {minimum}."
        )
    if value < minimum:
        raise ValueError(
            f"`{name}` is too small. Received: {name}={value}. "
            f"Expected: an integer of at least {minimum}."
        )
    return int(value)


def check_share(name: str, value: Any, zero: bool, one: bool = False) -> float:
    """Returns the value as a `float` share, or says what it should be."""
    bounds = f"{'[' if zero else '('}0, 1{']' if one else ')'}"
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(
            f"`{name}` is no number. "
            f"Received: {name}={value!r} (of type {type(value).__name__}). "
            f"Expected: a float in {bounds}."
        )
    share = float(value)
    if not (0 < share < 1 or (zero and share == 0) or (one and share == 1)):
        raise ValueError(
            f"`{name}` is out of range. Received: {name}={value}. "
            f"Expected: a float in {bounds}."
        )
    return share


def check_boolean(name: str, value: Any) -> bool:
    """Returns the value if it is a boolean."""
    if not isinstance(value, bool):
        raise TypeError(
            f"`{name}` is no boolean. Received: {name}={value!r}. "
            "Expected: True or False."
        )
    return value


def check_choice(name: str, value: Any, choices: Collection[str]) -> str:
    """Returns the value if it is one of the choices."""
    if value not in choices:
        raise ValueError(
            f"`{name}` is unknown. Received: {name}={value!r}. "
            f"Expected: one of {tuple(choices)}."
        )
    return str(value)


def check_optional_integer(name: str, value: Any) -> int | None:
    """Returns an integer of at least 1, or `None` for `None`."""
    return None if value is None else check_integer(name, value, 1)


def check_validation_freq(value: Any) -> int | list[int]:
    """Returns Keras' `validation_freq`: a count, or a collection of epochs."""
    if isinstance(value, Collection) and not isinstance(value, (str, bytes)):
        return [check_integer("validation_freq", epoch, 1) for epoch in value]
    return check_integer("validation_freq", value, 1)


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of an `AMTOModel`, checked.

    Attributes:
        num_tasks: Integer, M, at least 1.
        transfer_interval: Integer, c, at least 1.
        validation_split: Float in (0, 1).
        holdout_split: Float in [0, 1).
        selection: `"adaptive"` or `"uniform"`.
        relationship_decay: Float in (0, 1].
        stratify: Boolean.
        engine: `"auto"`, `"portable"` or `"tensorflow"`.
        seed: Integer, at least 0.
        memory_limit: Integer, at least 1.

    Raises:
        TypeError: if a setting is of the wrong type.
        ValueError: if it is out of range or unknown.
    """

    num_tasks: int
    transfer_interval: int
    validation_split: float
    holdout_split: float
    selection: str
    relationship_decay: float
    stratify: bool
    engine: str
    seed: int
    memory_limit: int

    def __post_init__(self) -> None:
        checked = {
            "num_tasks": check_integer("num_tasks", self.num_tasks, 1),
            "transfer_interval": check_integer(
                "transfer_interval", self.transfer_interval, 1
            ),
            "validation_split": check_share(
                "validation_split", self.validation_split, zero=False
            ),
            "holdout_split": check_share(
                "holdout_split", self.holdout_split, zero=True
            ),
            "selection": check_choice("selection", self.selection, SELECTIONS),
            "relationship_decay": check_share(
                "relationship_decay",
                self.relationship_decay,
                zero=False,
                one=True,
            ),
            "stratify": check_boolean("stratify", self.stratify),
            "engine": check_choice("engine", self.engine, ENGINES),
            "seed": check_integer("seed", self.seed, 0),
            "memory_limit": check_integer("memory_limit", self.memory_limit, 1),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
