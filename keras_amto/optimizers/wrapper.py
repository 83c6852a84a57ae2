"""An optimizer that leaves everything to another one."""

import copy
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras

from keras_amto.arguments import check_arrays
from keras_amto.arguments import check_name


class OptimizerWrapper(keras.optimizers.Optimizer):
    """Forwards all that an optimizer has to `inner_optimizer`.

    A subclass overrides `build`, where it adds its own variables to
    `_own_variables`, and `apply`.
    """

    def __init__(
        self, optimizer: keras.optimizers.Optimizer, name: str | None = None
    ) -> None:
        # Keras' constructor needs a learning rate, which is never read.
        super().__init__(learning_rate=0.0, name=check_name(name))
        # Named as in `LossScaleOptimizer`: Keras' callbacks look for it.
        self.inner_optimizer = optimizer
        self._own_variables: list[keras.Variable] = []

    @property
    def variables(self) -> list[keras.Variable]:
        """The wrapper's own variables, then those of the wrapped optimizer."""
        return [*self._own_variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        """The number of updates, as the wrapped optimizer counts them."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the wrapped optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def loss_scale_factor(self) -> float | None:
        """The fixed loss scale of the wrapped optimizer."""
        factor: float | None = self.inner_optimizer.loss_scale_factor
        return factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: float | None) -> None:
        # A `LossScaleOptimizer` around this one sets it to None, or it would be
        # applied twice. Keras' constructor sets it before there is a wrapped
        # optimizer, whose own must not change.
        if hasattr(self, "inner_optimizer"):
            self.inner_optimizer.loss_scale_factor = factor

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """Applies pairs of a gradient and its variable, as in `tf.keras`."""
        super().apply_gradients(grads_and_vars)
        return self.iterations

    def scale_loss(self, loss: Any) -> Any:
        """Scales a loss as the wrapped optimizer does."""
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Replaces the weights by their moving averages (`use_ema`)."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[Any] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        """Excludes variables from the wrapped optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets `variables` from one array each, in their order.

        Raises:
            TypeError: if they are not arrays of numbers.
            ValueError: if the optimizer is not built, or arrays do not fit.
        """
        weights = check_arrays("weights", weights)
        wanted = [tuple(variable.shape) for variable in self.variables]
        got = [tuple(weight.shape) for weight in weights]
        if not self.built or wanted != got:
            raise ValueError(
                "The weights do not fit the optimizer's variables. "
                f"Received: {len(got)} of shapes {got}. "
                f"Expected: a built optimizer (built={self.built}) and "
                f"{len(wanted)} of shapes {wanted}."
            )
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        # Not the base's: of its arguments this optimizer takes only the name.
        inner = keras.saving.serialize_keras_object(self.inner_optimizer)
        return {"name": self.name, "optimizer": inner}

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: dict[str, Any] | None = None,
    ) -> Self:
        """Creates an optimizer, not built, from what `get_config` returned."""
        # Keras replaces parts of what it reads by objects.
        inner = keras.saving.deserialize_keras_object(
            copy.deepcopy(config["optimizer"]), custom_objects=custom_objects
        )
        return cls(**(config | {"optimizer": inner}))
