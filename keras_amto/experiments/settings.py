"""The settings of `train`, besides its images and its network.

`--help` shows them, so Keras is imported only where it is needed.
"""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING
from typing import Any

from keras_amto.choices import ACCEPTANCES
from keras_amto.choices import ANSWERS
from keras_amto.choices import MEMORY_LIMIT
from keras_amto.choices import METHODS
from keras_amto.choices import STOP_WHEN
from keras_amto.choices import TRANSFERS

if TYPE_CHECKING:
    import keras


def _setting(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Checked settings of a run, with their help.

    Those that `AMTOModel`, its `fit` and `AMTOCallback` have mean the same.
    """

    method: str = _setting(
        "amto",
        "amto, or full: one network on everything but the test images, which "
        "docs/results.md finds hard to beat",
    )
    num_tasks: int = _setting(4, "tasks, M; 1 trains one network on one split")
    transfer_interval: int = _setting(100, "steps between two transfers, c")
    batch_size: int = _setting(32, "images in a batch")
    max_steps: int = _setting(
        1000, "steps of each network, unless patience ends before"
    )
    optimizer: str = _setting(
        "sgd", "sgd (with Nesterov momentum), or another Keras optimizer"
    )
    learning_rate: float = _setting(1e-3, "initial learning rate")
    momentum: float = _setting(0.9, "momentum of sgd")
    drop_at: tuple[int, ...] = _setting(
        (), "steps after which the learning rate drops; no step: never"
    )
    drop_by: float = _setting(0.1, "the factor of a drop")
    validation_split: float = _setting(
        0.1, "share of the images that validates a task"
    )
    holdout_split: float = _setting(
        0.0, "share of a clean set that selects the winner"
    )
    transfer: str = _setting(
        "replace",
        "how a shadow starts: replace, from its donor; merge, from the mean of "
        "donor and master",
    )
    acceptance: str = _setting(
        "task",
        "what shadows are judged on: task, its own validation set; holdout, "
        "the clean set",
    )
    answer: str = _setting(
        "winner",
        "what is saved: winner, the best network; average, the mean of all in "
        "the last third; ensemble, the mean of all answers",
    )
    patience: int | None = _setting(
        10, "validations without improvement before training ends, or none"
    )
    time_limit: float | None = _setting(
        None, "seconds that training may take, such as 90, 30m or 2h"
    )
    stop_when: str = _setting(
        "any", "which tasks must run out of patience: any, all or first, task 0"
    )
    flip: bool = _setting(False, "flip training images horizontally at random")
    seed: int = _setting(
        0, "seed of the test set, splits, batches and the new classifier"
    )
    memory_limit: int = _setting(
        MEMORY_LIMIT,
        "bytes; images that take more are written to a file while training",
    )
    cache_dir: str | None = _setting(
        None, "the directory of that file, else that for temporary files"
    )

    def __post_init__(self) -> None:
        from keras_amto import arguments

        for name, minimum in (
            ("num_tasks", 1), ("transfer_interval", 1), ("batch_size", 1),
            ("max_steps", 1), ("seed", 0), ("memory_limit", 1),
        ):  # fmt: skip
            arguments.check_integer(name, getattr(self, name), minimum)
        arguments.check_optional_integer("patience", self.patience)
        arguments.check_directory("cache_dir", self.cache_dir)
        arguments.check_choice("stop_when", self.stop_when, STOP_WHEN)
        arguments.check_choice("transfer", self.transfer, TRANSFERS)
        arguments.check_choice("acceptance", self.acceptance, ACCEPTANCES)
        arguments.check_choice("answer", self.answer, ANSWERS)
        arguments.check_choice("method", self.method, METHODS)
        arguments.check_optional_positive("time_limit", self.time_limit)
        if self.method == "full" and self.answer == "ensemble":
            raise ValueError(
                "One network has no ensemble. Received: method='full' and "
                "answer='ensemble'. Expected: answer='winner', its last "
                "weights, or answer='average'."
            )
        arguments.check_share(
            "validation_split", self.validation_split, zero=False
        )
        arguments.check_share("holdout_split", self.holdout_split, zero=True)
        if self.acceptance == "holdout" and not self.holdout_split:
            raise ValueError(
                "There is no clean set to judge shadows on. Received: "
                "acceptance='holdout' and holdout_split=0. "
                "Expected: a share above 0."
            )
        arguments.check_share("momentum", self.momentum, zero=True)
        for name in ("learning_rate", "drop_by"):
            rate = getattr(self, name)
            if not arguments.check_number(name, rate):
                problem, expected = "is out of range", "a number above 0"
                raise arguments.wrong_value(name, rate, problem, expected)
        steps = [arguments.check_integer("drop_at", s, 1) for s in self.drop_at]
        if steps != sorted(set(steps)):
            problem, expected = "is not in order", "steps in increasing order"
            raise arguments.wrong_value("drop_at", steps, problem, expected)
        self.make_optimizer()

    def make_optimizer(self) -> "keras.optimizers.Optimizer":
        """Returns the optimizer with its learning rate schedule."""
        import keras

        from keras_amto.optimizers.named import named_optimizer

        rate: Any = self.learning_rate
        if self.drop_at:
            rate = keras.optimizers.schedules.PiecewiseConstantDecay(
                # Keras keeps the old rate at the boundary itself, and counts
                # steps from 0.
                [step - 1 for step in self.drop_at],
                [rate * self.drop_by**i for i in range(len(self.drop_at) + 1)],
            )
        return named_optimizer(self.optimizer, rate, self.momentum)


# What the experiment of Zhang et al., section IV-B, sets otherwise. Its images
# are 224 pixels a side.
PAPER: dict[str, Any] = {
    "batch_size": 64,
    "max_steps": 10_000,
    "drop_at": (2_000, 7_000),
    "flip": True,
}

#: What has no meaning with `method="full"`.
OF_TASKS = (
    "num_tasks", "validation_split", "holdout_split", "transfer", "acceptance",
    "patience", "stop_when", "backup",
)  # fmt: skip
#: What `experiments/defaults.py` decides by the images of a folder.
DECIDED = (
    "batch_size", "validation_split", "transfer_interval", "max_steps",
    "patience", "optimizer", "learning_rate", "flip",
)  # fmt: skip


def check_given(given: Iterable[str], settings: RunSettings) -> None:
    """Raises where something was given that one network does not have."""
    if settings.method != "full":
        return
    found = [name for name in given if name in OF_TASKS]
    if found:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in found)
        raise ValueError(
            "One network on everything has no tasks, validation or backups. "
            f"Received: {names} with --method full. Expected: one of them."
        )
