"""Parameters Linear Prediction: after every third update, one step ahead."""

import copy
import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.arguments import check_arrays
from keras_amto.arguments import check_name
from keras_amto.optimizers.assignment import Assignment
from keras_amto.optimizers.assignment import assign_where
from keras_amto.optimizers.checked import check_optimizer

CYCLE = 3  # updates from one prediction to the next


@keras.saving.register_keras_serializable(package="keras_amto")
class LinearPrediction(keras.optimizers.Optimizer):
    r"""Wraps an optimizer and predicts the weights after every third update.

    The three updates of a cycle lead to $\theta_1, \theta_2, \theta_3$. The
    line through the middle of the first two and the middle of the last two is
    followed for one step more, and training goes on from there:

    $$m_{12} = \frac{\theta_1 + \theta_2}{2}, \quad
      m_{23} = \frac{\theta_2 + \theta_3}{2}, \quad
      \theta = m_{23} + (m_{23} - m_{12})
             = \theta_3 + \frac{\theta_2 - \theta_1}{2}$$

    The right-hand side needs one spare copy of the weights. Where updates
    change slowly a cycle moves by 3.5 updates instead of 3, so compare with
    the plain optimizer at 7/6 of the learning rate.

    All that the wrapped optimizer does is part of its update: learning rate
    schedule, weight decay, clipping, momentum. A prediction touches none of
    its variables. Details:

    - Constraints of the weights are applied again after a prediction.
    - Under `gradient_accumulation_steps` updates count, not steps.
    - `LossScaleOptimizer` goes outside, where Keras puts it under
      `mixed_float16`; a step that it skips is not an update.
    - `use_ema` averages what the updates lead to, without the predictions.
    - Weights set from outside between two updates do not count as a part of
      an update.

    Position in the cycle and spare copy are variables of the optimizer, so
    they are saved and loaded with a model, and move with a transfer of AMTO.

    Args:
        optimizer: The `keras.optimizers.Optimizer` to wrap, or anything that
            `keras.optimizers.get` makes one of, such as `"sgd"`. Not a
            `LossScaleOptimizer`. Everything but the name is set there.
        name: String, the name of the optimizer. Defaults to `None`, a name
            made from that of the class.

    Attributes:
        inner_optimizer: The wrapped optimizer.

    Raises:
        TypeError: if `optimizer` is not an optimizer.
        ValueError: if `optimizer` is unknown or a `LossScaleOptimizer`.

    Example:

    >>> optimizer = LinearPrediction(keras.optimizers.SGD(1.0))
    >>> weight = keras.Variable(0.0)
    >>> for gradient in (1.0, 2.0, 4.0, 1.0):
    ...     optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    ...     print(float(keras.ops.convert_to_numpy(weight.value)))
    -1.0
    -3.0
    -8.0
    -9.0

    Source: Ying, Song, Tang, Xiao, Xiao, Scientific Reports 14:15197, 2024,
    https://doi.org/10.1038/s41598-024-65691-0.
    """

    def __init__(self, optimizer: Any, name: str | None = None) -> None:
        optimizer = _checked(optimizer)
        # Keras' constructor asks for a learning rate; nothing ever reads it.
        super().__init__(learning_rate=0.0, name=check_name(name))
        # Named as in `LossScaleOptimizer`: Keras' callbacks look for it.
        self.inner_optimizer = optimizer
        self._own_variables: list[keras.Variable] = []

    def build(self, variables: Iterable[Any]) -> None:
        """Creates the variables of this and of the wrapped optimizer.

        Args:
            variables: The trainable variables of a model.
        """
        variables = list(variables)
        super().build(variables)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        self._phase = self.add_variable(
            shape=(),
            initializer="zeros",
            dtype="int",
            # All replicas count alike.
            aggregation="only_first_replica",
            name="phase",
        )
        # None for a variable that Keras overwrites with its gradient.
        spares = self.add_optimizer_variables(variables, "prediction")
        self._own_variables = [
            self._phase,
            *(spare for spare in spares if spare is not None),
        ]
        self._moves = _Moves.of(variables, spares)

    @property
    def variables(self) -> list[keras.Variable]:
        """Phase and spare copies, then those of the wrapped optimizer."""
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
        # A `LossScaleOptimizer` around this one sets it to None, lest it be
        # applied twice. Keras' constructor sets it before there is a wrapped
        # optimizer, whose own must then stay.
        if hasattr(self, "inner_optimizer"):
            self.inner_optimizer.loss_scale_factor = factor

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Iterable[Any] | None = None,
    ) -> None:
        """Lets the wrapped optimizer update, and predicts every third time.

        Args:
            grads: Gradients, one for each variable.
            trainable_variables: The variables, needed in the first call of an
                optimizer that is not built. Defaults to `None`, those that it
                was built with.

        Raises:
            ValueError: if it is not built and gets no variables.
        """
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        if not self.built:
            if trainable_variables is None:
                raise ValueError(
                    "The optimizer is not built. Received: "
                    "trainable_variables=None. Expected: the variables of the "
                    "gradients, or a call of optimizer.build(variables) before."
                )
            self.build(trainable_variables)
        # A step may make no update: gradients are accumulated, or there are
        # none. The wrapped optimizer's count tells.
        after_an_update = self.iterations + 1
        phase = keras.ops.convert_to_tensor(self._phase)
        first_is_done = keras.ops.equal(phase, 1)
        second_is_done = keras.ops.equal(phase, 2)
        assign_where(first_is_done, self._moves.remember)
        self.inner_optimizer.apply(grads, trainable_variables)
        updated = keras.ops.equal(self.iterations, after_an_update)
        both = keras.ops.logical_and
        assign_where(both(updated, first_is_done), self._moves.measure)
        assign_where(both(updated, second_is_done), self._moves.predict)
        self._phase.assign(
            (phase + keras.ops.cast(updated, phase.dtype)) % CYCLE
        )

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """Applies pairs of gradients and variables, as in `tf.keras`.

        Args:
            grads_and_vars: Pairs of a gradient and its variable.

        Returns:
            The number of updates.
        """
        super().apply_gradients(grads_and_vars)
        return self.iterations

    def scale_loss(self, loss: Any) -> Any:
        """Scales a loss as the wrapped optimizer does."""
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Puts moving averages in the place of the weights (`use_ema`)."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[Any] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        """Keeps the wrapped optimizer from decaying some variables."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets `variables`, in their order.

        Args:
            weights: One array for each variable.

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
        """Returns the arguments of the constructor, the optimizer's nested."""
        # Not the base's: of its arguments this optimizer takes only the name.
        return {
            "name": self.name,
            "optimizer": keras.saving.serialize_keras_object(
                self.inner_optimizer
            ),
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: dict[str, Any] | None = None,
    ) -> "LinearPrediction":
        """Makes an optimizer from what `get_config` returned.

        Args:
            config: The configuration, left as it is.
            custom_objects: Classes by name, for a wrapped optimizer that is
                not registered. Defaults to `None`.

        Returns:
            A `LinearPrediction`, not built.
        """
        # Keras puts objects in the place of what it reads.
        config = copy.deepcopy(config)
        config["optimizer"] = keras.saving.deserialize_keras_object(
            config["optimizer"], custom_objects=custom_objects
        )
        return cls(**config)


@dataclasses.dataclass(frozen=True, eq=False)
class _Moves:
    """The assignments of a cycle.

    In an object of its own, because Keras takes every variable in a list that
    an optimizer holds for one of the optimizer's variables.
    """

    remember: tuple[Assignment, ...]
    measure: tuple[Assignment, ...]
    predict: tuple[Assignment, ...]

    @classmethod
    def of(cls, weights: Sequence[Any], spares: Sequence[Any]) -> "_Moves":
        pairs = [
            (weight, spare)
            for weight, spare in zip(weights, spares, strict=True)
            if spare is not None
        ]
        return cls(
            # Right before the second update rather than right after the first:
            # in between somebody may set the weights (moving averages at the
            # end of `fit`, `EarlyStopping`, a user), which is not an update.
            remember=tuple(
                Assignment(spare, (weight,), _same) for weight, spare in pairs
            ),
            measure=tuple(
                Assignment(spare, (weight, spare), _difference)
                for weight, spare in pairs
            ),
            predict=tuple(
                Assignment(
                    weight,
                    (weight, spare),
                    functools.partial(_prediction, weight.constraint),
                )
                for weight, spare in pairs
            ),
        )


def _same(weight: Any) -> Any:
    # A copy, because torch's optimizers change weights in place.
    return keras.ops.copy(weight)


def _difference(weight: Any, earlier: Any) -> Any:
    return weight - earlier


def _prediction(
    constraint: Callable[[Any], Any] | None, weight: Any, difference: Any
) -> Any:
    predicted = weight + difference / 2
    return predicted if constraint is None else constraint(predicted)


def _checked(optimizer: Any) -> keras.optimizers.Optimizer:
    optimizer = check_optimizer(optimizer)
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # Under `mixed_float16` Keras would put another one around it all, and
        # the gradients would be divided by two scales.
        raise ValueError(
            "`LinearPrediction` goes inside a `LossScaleOptimizer`. "
            f"Received: optimizer={optimizer!r}. "
            "Expected: LossScaleOptimizer(LinearPrediction(optimizer)), which "
            "Keras makes by itself under `mixed_float16`."
        )
    return optimizer
