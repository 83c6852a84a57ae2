"""The settings of an `AMTOModel`."""

import dataclasses
import os

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_choice
from keras_amto.arguments import check_directory
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_share
from keras_amto.engines import ENGINES

SELECTIONS = ("adaptive", "uniform")


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
        cache_dir: String, a directory that can be written to, or `None`.

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
    cache_dir: str | os.PathLike[str] | None

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
            "cache_dir": check_directory("cache_dir", self.cache_dir),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
