"""The settings of `train`, besides its images and its network.

The command line shows them in its help, so Keras is imported only where it is
needed.
"""

import dataclasses
from typing import TYPE_CHECKING
from typing import Any

from keras_amto.choices import MEMORY_LIMIT
from keras_amto.choices import STOP_WHEN

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Checked settings of a run.

    Those that `AMTOModel`, its `fit` and `AMTOCallback` have mean the same
    here.

    Attributes:
        optimizer: String, the name of a Keras optimizer.
        learning_rate: Float, at the beginning.
        momentum: Float, for `"sgd"` only, with Nesterov's method.
        drop_at: Integers, the steps after which the learning rate drops.
        drop_by: Float, the factor of each drop.
        flip: Boolean, whether to flip training images horizontally at random.
    """

    num_tasks: int = 4
    transfer_interval: int = 100
    batch_size: int = 32
    max_steps: int = 1000
    optimizer: str = "sgd"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    drop_at: tuple[int, ...] = ()
    drop_by: float = 0.1
    validation_split: float = 0.1
    holdout_split: float = 0.0
    patience: int | None = 10
    stop_when: str = "any"
    flip: bool = False
    seed: int = 0
    memory_limit: int = MEMORY_LIMIT
    cache_dir: str | None = None

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
        arguments.check_share(
            "validation_split", self.validation_split, zero=False
        )
        arguments.check_share("holdout_split", self.holdout_split, zero=True)
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
