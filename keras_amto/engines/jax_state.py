"""Where each variable stands in the states that Keras' JAX trainer takes."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import jax
import keras

from keras_amto.engines.workers import Worker

Values = tuple[Any, ...]
Place = tuple[int, int] | None  # a field and a position, `None` for the rate


class Row(NamedTuple):
    """All that the steps of one replica read and leave."""

    weights: Values
    optimizer: Values
    seeds: Values
    metrics: Values


class Layout:
    """Makes Keras' states of rows, and rows of Keras' states.

    Args:
        worker: Whose variables a row has values of.
        seeds: The variables of `Row.seeds`.
    """

    def __init__(self, worker: Worker, seeds: Sequence[keras.Variable]) -> None:
        fields = Row(worker.weights, worker.optimizer, tuple(seeds),
                     worker.metrics)  # fmt: skip
        places: dict[int, Place] = {
            id(variable): (field, position)
            for field, variables in enumerate(fields)
            for position, variable in enumerate(variables)
        }
        places[id(worker.model.optimizer.learning_rate)] = None

        def find(variables: Sequence[keras.Variable]) -> list[Place]:
            return [places[id(variable)] for variable in variables]

        model = worker.model
        self._trainable = find(model.trainable_variables)
        self._fixed = find(model.non_trainable_variables)
        self._optimizer = find(model.optimizer.variables)
        self._metrics = find(model.metrics_variables)
        trained = {id(variable) for variable in model.trainable_variables}
        self._is_trained = [id(v) in trained for v in worker.weights]

    def training_state(self, row: Row, rate: Any) -> Any:
        """What Keras' `train_step` takes."""
        groups = (self._trainable, self._fixed, self._optimizer, self._metrics)
        return tuple(_values(row, group, rate) for group in groups)

    def after_training(self, row: Row, state: Any) -> Row:
        """The row that Keras' `train_step` leaves."""
        groups = (self._trainable, self._fixed, self._optimizer, self._metrics)
        return _updated(row, zip(groups, state, strict=True))

    def evaluation_state(self, row: Row) -> Any:
        """What Keras' `test_step` takes."""
        groups = (self._trainable, self._fixed, self._metrics)
        return tuple(_values(row, group) for group in groups)

    def after_evaluation(self, row: Row, state: Any) -> Row:
        """The row that Keras' `test_step` leaves."""
        groups = (self._trainable, self._fixed, self._metrics)
        return _updated(row, zip(groups, state, strict=True))

    def split(self, weights: Values) -> tuple[Values, Values]:
        """Returns the trainable weights, and those that evaluation changes."""
        pairs = list(zip(weights, self._is_trained, strict=True))
        return (
            tuple(value for value, is_trained in pairs if is_trained),
            tuple(value for value, is_trained in pairs if not is_trained),
        )

    def join(self, trained: Values, others: Values) -> Values:
        """Undoes `split`."""
        left, right = iter(trained), iter(others)
        return tuple(next(left if t else right) for t in self._is_trained)


def _values(row: Row, places: list[Place], rate: Any = None) -> list[Any]:
    return [rate if p is None else row[p[0]][p[1]] for p in places]


def _updated(row: Row, groups: Any) -> Row:
    fields = [list(values) for values in row]
    for places, values in groups:
        for place, value in zip(places, values, strict=True):
            if place is not None:
                field, position = place
                old = fields[field][position]
                # To the type of the variable, as Keras assigns it.
                fields[field][position] = jax.lax.convert_element_type(
                    value, old.dtype
                )
    return Row(*map(tuple, fields))
