"""What decides a run besides its images and its network.

The command line shows it in its help, so Keras is imported where it is needed.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

from keras_amto.choices import MEMORY_LIMIT
from keras_amto.choices import STOP_WHEN

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Settings of a run, checked.

    Attributes:
        num_tasks: Integer, M; 1 is the conventional way.
        transfer_interval: Integer, c, in steps.
        batch_size: Integer.
        max_steps: Integer, the training steps of each network at most.
        optimizer: String, the name of a Keras optimizer.
        learning_rate: Float, at the beginning.
        momentum: Float, of `"sgd"` alone, with Nesterov's method.
        drop_at: Integers, the steps after which the learning rate drops.
        drop_by: Float, the factor of each drop.
        validation_split: Float in (0, 1).
        holdout_split: Float in [0, 1).
        patience: Integer, or `None` to never stop early.
        stop_when: As in `AMTOCallback`.
        flip: Boolean, whether training images are flipped from left to right
            at random.
        seed: Integer.
        memory_limit: Integer, bytes, as in `AMTOModel`.
        cache_dir: Path of a directory, or `None`, as in `AMTOModel`.
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
        from keras_amto.arguments import check_choice
        from keras_amto.arguments import check_directory
        from keras_amto.arguments import check_integer
        from keras_amto.arguments import check_share

        for name, minimum in (
            ("num_tasks", 1), ("transfer_interval", 1), ("batch_size", 1),
            ("max_steps", 1), ("seed", 0), ("memory_limit", 1),
        ):  # fmt: skip
            check_integer(name, getattr(self, name), minimum)
        if self.patience is not None:
            check_integer("patience", self.patience, 1)
        check_directory("cache_dir", self.cache_dir)
        check_choice("stop_when", self.stop_when, STOP_WHEN)
        check_share("validation_split", self.validation_split, zero=False)
        check_share("holdout_split", self.holdout_split, zero=True)
        for name in ("learning_rate", "drop_by"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"`{name}` is out of range. Received: "
                    f"{name}={getattr(self, name)}. Expected: a number above 0."
                )
        if not 0 <= self.momentum < 1:
            raise ValueError(
                "`momentum` is out of range. Received: "
                f"momentum={self.momentum}. Expected: a number in [0, 1)."
            )
        for step in self.drop_at:
            check_integer("drop_at", step, 1)
        if list(self.drop_at) != sorted(set(self.drop_at)):
            raise ValueError(
                "`drop_at` is not in order. Received: "
                f"drop_at={self.drop_at}. Expected: steps that increase."
            )
        self.make_optimizer()

    def make_optimizer(self) -> "keras.optimizers.Optimizer":
        """Returns the optimizer, with the schedule of its learning rate."""
        import keras

        from keras_amto.optimizers.named import named_optimizer

        rate: Any = self.learning_rate
        if self.drop_at:
            rate = keras.optimizers.schedules.PiecewiseConstantDecay(
                # A rate of Keras' schedule holds for its boundary, too, and
                # the first step is number 0.
                [step - 1 for step in self.drop_at],
                [rate * self.drop_by**i for i in range(len(self.drop_at) + 1)],
            )
        return named_optimizer(self.optimizer, rate, self.momentum)


# The experiment of Zhang et al., section IV-B, where it differs from the above.
# Its images have 224 pixels a side.
PAPER: Mapping[str, Any] = {
    "batch_size": 64,
    "max_steps": 10_000,
    "drop_at": (2_000, 7_000),
    "flip": True,
}
