"""Parameters Linear Prediction: after every third update, one step ahead."""

import functools
import operator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.arguments import wrong_value
from keras_amto.optimizers.assignment import Assignment
from keras_amto.optimizers.assignment import assign_where
from keras_amto.optimizers.named import check_optimizer
from keras_amto.optimizers.wrapper import OptimizerWrapper

CYCLE = 3  # updates from one prediction to the next


@keras.saving.register_keras_serializable(package="keras_amto")
class LinearPrediction(OptimizerWrapper):
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

    Everything the wrapped optimizer does is part of its update: learning rate
    schedule, weight decay, clipping, momentum. A prediction changes none of
    its variables. Details:

    - Constraints of the weights are applied again after a prediction.
    - With `gradient_accumulation_steps`, updates count and not steps.
    - `LossScaleOptimizer` goes outside, where Keras puts it under
      `mixed_float16`. A step that it skips is not an update.
    - `use_ema` averages the weights after updates, without the predictions.
    - Weights set from outside between two updates are not part of an update.

    The position in the cycle and the spare copy are variables of the optimizer:
    they are saved and loaded with a model, and AMTO transfers them.

    Args:
        optimizer: The `keras.optimizers.Optimizer` to wrap, or anything that
            `keras.optimizers.get` accepts, such as `"sgd"`. Not a
            `LossScaleOptimizer`. It has all settings but the name.
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
        optimizer = check_optimizer(optimizer)
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            # Under `mixed_float16` Keras would put another one around it all,
            # and the gradients would be divided by two scales.
            expected = (
                "LossScaleOptimizer(LinearPrediction(optimizer)), which Keras "
                "makes by itself under `mixed_float16`"
            )
            raise wrong_value("optimizer", optimizer, "goes outside", expected)
        super().__init__(optimizer, name)

    def build(self, variables: Iterable[Any]) -> None:
        """Creates the variables of this and of the wrapped optimizer."""
        variables = list(variables)
        super().build(variables)
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        self._phase = self.add_variable(
            shape=(),
            dtype="int",
            aggregation="only_first_replica",  # all replicas count alike
            name="phase",
        )
        # None for a variable that Keras overwrites with its gradient.
        self._spares = self.add_optimizer_variables(variables, "prediction")
        spares = [spare for spare in self._spares if spare is not None]
        self._own_variables = [self._phase, *spares]

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Iterable[Any] | None = None,
    ) -> None:
        """Applies an update, and a prediction after every third one.

        Args:
            grads: Gradients, one for each variable.
            trainable_variables: The variables. Defaults to `None`, those that
                it was built with.

        Raises:
            ValueError: if it is not built and gets no variables.
        """
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        if not self.built:
            if trainable_variables is None:
                problem = "is missing, and the optimizer is not built"
                expected = "variables, here or in optimizer.build before"
                raise wrong_value(
                    "trainable_variables", None, problem, expected
                )
            self.build(trainable_variables)
        both = zip(self._trainable_variables, self._spares, strict=True)
        pairs = [(w, spare) for w, spare in both if spare is not None]
        phase = keras.ops.convert_to_tensor(self._phase)
        is_second = keras.ops.equal(phase, 1)
        is_third = keras.ops.equal(phase, 2)
        # theta_1 is copied before the second update, not after the first: what
        # sets the weights in between (moving averages at the end of `fit`,
        # `EarlyStopping`, a user) is not an update. torch's optimizers change
        # weights in place, hence a copy.
        assign_where(
            is_second, [Assignment(s, keras.ops.copy, (w,)) for w, s in pairs]
        )
        after_an_update = self.iterations + 1
        self.inner_optimizer.apply(grads, trainable_variables)
        # A step may make no update: gradients are accumulated, or there are
        # none. The wrapped optimizer's count tells.
        updated = keras.ops.equal(self.iterations, after_an_update)
        assign_where(
            keras.ops.logical_and(updated, is_second),
            [Assignment(s, operator.sub, (w, s)) for w, s in pairs],
        )
        assign_where(
            keras.ops.logical_and(updated, is_third),
            [
                Assignment(w, functools.partial(_predict, w.constraint), (w, s))
                for w, s in pairs
            ],
        )
        self._phase.assign(
            (phase + keras.ops.cast(updated, phase.dtype)) % CYCLE
        )


def _predict(
    constraint: Callable[[Any], Any] | None, weight: Any, difference: Any
) -> Any:
    predicted = weight + difference / 2
    return predicted if constraint is None else constraint(predicted)
