"""The settings of an `AMTOModel`."""

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_choice
from keras_amto.arguments import check_directory
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_share
from keras_amto.arguments import wrong_value
from keras_amto.choices import ACCEPTANCES
from keras_amto.choices import TRANSFERS
from keras_amto.engines import ENGINES

SELECTIONS = ("adaptive", "uniform")


def check_vectorize(name: str, value: Any) -> bool | str:
    """Returns the value if it is `"auto"` or a boolean."""
    if isinstance(value, bool) or (isinstance(value, str) and value == "auto"):
        return value
    raise wrong_value(name, value, "is unknown", '"auto", True or False')


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "num_tasks": functools.partial(check_integer, minimum=1),
    "transfer_interval": functools.partial(check_integer, minimum=1),
    "validation_split": functools.partial(check_share, zero=False),
    "holdout_split": functools.partial(check_share, zero=True),
    "transfer": functools.partial(check_choice, choices=TRANSFERS),
    "acceptance": functools.partial(check_choice, choices=ACCEPTANCES),
    "selection": functools.partial(check_choice, choices=SELECTIONS),
    "relationship_decay": functools.partial(check_share, zero=False, one=True),
    "stratify": check_boolean,
    "engine": functools.partial(check_choice, choices=ENGINES),
    "vectorize": check_vectorize,
    "seed": functools.partial(check_integer, minimum=0),
    "memory_limit": functools.partial(check_integer, minimum=1),
    "cache_dir": check_directory,
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of an `AMTOModel`, as described there.

    Raises:
        TypeError: if a setting is of the wrong type.
        ValueError: if it is out of range or unknown.
    """

    num_tasks: int
    transfer_interval: int
    validation_split: float
    holdout_split: float
    transfer: str
    acceptance: str
    selection: str
    relationship_decay: float
    stratify: bool
    engine: str
    vectorize: bool | str
    seed: int
    memory_limit: int
    cache_dir: str | os.PathLike[str] | None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            checked = check(name, getattr(self, name))
            object.__setattr__(self, name, checked)
