"""Fresh copies of an optimizer, optionally at another learning rate."""

from typing import Any

import keras


def copy_of(
    optimizer: keras.optimizers.Optimizer, factor: float = 1.0
) -> keras.optimizers.Optimizer:
    """Returns a fresh copy; `factor` multiplies its learning rate."""
    config = optimizer.get_config()
    if "learning_rate" not in config:
        raise ValueError(
            "The `optimizer` wraps another one, as a comparison does by itself "
            "in its arms of linear prediction, and Keras where it scales "
            f"losses. Received: {type(optimizer).__name__}. "
            "Expected: an optimizer with a learning rate of its own."
        )
    rate = config["learning_rate"]
    if factor != 1.0:
        if isinstance(rate, dict):
            schedule = keras.saving.deserialize_keras_object(rate)
            config["learning_rate"] = ScaledSchedule(schedule, factor)
        else:
            config["learning_rate"] = rate * factor
    return type(optimizer).from_config(config)


def scheduled(
    optimizer: keras.optimizers.Optimizer, steps: int
) -> keras.optimizers.Optimizer:
    """Returns a fresh copy whose rate falls to zero along half a cosine.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", ICLR 2017, without restarts.
    """
    config = optimizer.get_config()
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        raise ValueError(
            "The optimizer has a schedule already. Received: "
            f"learning_rate={rate['class_name']} and schedule='cosine'. "
            "Expected: a number, or schedule='constant'."
        )
    config["learning_rate"] = keras.optimizers.schedules.CosineDecay(
        rate, steps
    )
    return type(optimizer).from_config(config)


@keras.saving.register_keras_serializable(package="keras_amto")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate schedule times a factor."""

    def __init__(self, schedule: Any, factor: float) -> None:
        super().__init__()
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step: Any) -> Any:
        return self.factor * self.schedule(step)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, as Keras saves them."""
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "factor": self.factor,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScaledSchedule":
        """Reads what `get_config` returned."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["factor"])
