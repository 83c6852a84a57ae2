"""Keras' own steps on one batch, as pure functions of arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import keras

from keras_amto.engines.augmentation import Augmentation
from keras_amto.engines.jax_state import Layout
from keras_amto.engines.jax_state import Row
from keras_amto.engines.jax_state import Values
from keras_amto.engines.normalization import estimate_on
from keras_amto.engines.workers import Worker


class Steps:
    """The steps of a worker, which itself they leave as it is.

    Both take what changes from batch to batch, what does not, and a batch, and
    return what has changed and the logs.
    """

    def __init__(self, worker: Worker, augmentation: Augmentation) -> None:
        self._model = worker.model
        self._augmentation = augmentation
        self._own_seeds = len(worker.seeds)
        self._variables = (*worker.weights, *worker.seeds)
        self.layout = Layout(worker, (*worker.seeds, *augmentation.seeds))

    def train(self, row: Row, rate: Any, batch: Any) -> tuple[Row, Any]:
        """A training step, at a learning rate."""
        batch, drawn = self._augmented(batch, row.seeds[self._own_seeds :])
        row = row._replace(seeds=row.seeds[: self._own_seeds] + drawn)
        logs, state = self._model.train_step(
            self.layout.training_state(row, rate), batch
        )
        row = self.layout.after_training(row, state)
        return row, jax.tree.map(_strong, logs)

    def evaluate(
        self, row: Row, trained: Values, batch: Any
    ) -> tuple[Row, Any]:
        """A step of evaluation, which leaves the trained weights alone.

        Of `Row.weights` there are only those that it may change.
        """
        whole = row._replace(weights=self.layout.join(trained, row.weights))
        logs, state = self._model.test_step(
            self.layout.evaluation_state(whole), batch
        )
        whole = self.layout.after_evaluation(whole, state)
        _, others = self.layout.split(whole.weights)
        return whole._replace(weights=others), jax.tree.map(_strong, logs)

    def estimate(
        self, values: Values, seen: Any, batch: Any
    ) -> tuple[Values, Any]:
        """Brings one more batch into statistics of batch normalisation.

        Takes and returns the values of all weights and of the model's own seed
        generators, and how many samples there were.
        """
        mapping = list(zip(self._variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            seen = estimate_on(self._model, batch, seen)
        after = map(scope.get_current_value, self._variables)
        # What the step has not changed is not in the scope.
        return tuple(
            old if new is None else new
            for old, new in zip(values, after, strict=True)
        ), seen

    def convolve(self, batch: Any) -> bool:
        """Says whether there is a convolution in a step on such a batch."""
        model = self._model
        state = (
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
            [variable.value for variable in model.metrics_variables],
        )
        program = jax.make_jaxpr(model.test_step)(state, batch)
        return "conv_general_dilated" in str(program)

    def _augmented(self, batch: Any, seeds: Values) -> tuple[Any, Values]:
        if self._augmentation.function is None:
            return batch, seeds
        variables = self._augmentation.seeds
        mapping = list(zip(variables, seeds, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            batch = self._augmentation.of_batch(batch)
        drawn = (scope.get_current_value(variable) for variable in variables)
        return batch, tuple(drawn)


def _strong(value: Any) -> Any:
    """An array of a type that does not depend on what it meets."""
    array = jnp.asarray(value)
    return jax.lax.convert_element_type(array, array.dtype)
