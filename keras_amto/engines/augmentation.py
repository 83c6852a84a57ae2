"""Augmentation of training batches, drawn from a task's own numbers."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.engines.building import nested_layers
from keras_amto.engines.errors import explained
from keras_amto.engines.variables import assign
from keras_amto.engines.variables import difference
from keras_amto.engines.variables import to_numpy
from keras_amto.tasks import IndexedData

_TRIED = 32  # samples, at most, on which it is tried
_CALLS = 4  # which all have to answer the same


class Augmentation:
    """What a training batch goes through before master and shadow see it.

    A Keras layer is called with `training=True`, a function with `x` or with
    `(x, seed)`; `None` leaves batches as they are. `seeds` are the variables of
    `TaskState.seeds` that random draws advance.

    Raises:
        ValueError: if it cannot be called on the data, gives something of
            another structure, or draws random numbers from elsewhere than
            `seeds`: master and shadow would see different batches where they
            train apart, and a resumed run others than the first.
    """

    def __init__(
        self, function: Callable[..., Any] | None, sample: IndexedData
    ) -> None:
        self.function = function
        self.seeds: tuple[keras.Variable, ...] = ()
        self._arguments: dict[str, Any] = {}
        if function is None:
            return
        x = keras.tree.map_structure(
            keras.ops.convert_to_tensor, sample.sample(_TRIED).x
        )
        if isinstance(function, keras.Layer):
            # Engines on several devices draw at the same time.
            layer = self.function = _clone(function)
            if "training" in inspect.signature(layer.call).parameters:
                self._arguments["training"] = True
            self._try(x)
            self.seeds = difference(layer.variables, layer.weights)
        else:
            if "seed" in inspect.signature(function).parameters:
                generator = keras.random.SeedGenerator(0)
                self._arguments["seed"] = generator
                self.seeds = (generator.state,)
            self._try(x)
        self._refuse_other_draws(x)

    def __call__(self, x: Any) -> Any:
        """Augments the inputs of a batch."""
        if self.function is None:
            return x
        return self.function(x, **self._arguments)

    def of_batch(self, batch: Any) -> Any:
        """Augments the inputs in what a Keras step takes."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        return keras.utils.pack_x_y_sample_weight(self(x), y, sample_weight)

    def _try(self, x: Any) -> None:
        shapes = keras.tree.map_structure(lambda a: a.shape, x)
        with explained(
            "`augment` cannot be called on the data",
            f"augment={self.function!r} and x of {shapes}",
            "a layer or a function that takes x and returns it in the same "
            "structure",
        ):
            keras.tree.assert_same_structure(x, self(x))

    def _refuse_other_draws(self, x: Any) -> None:
        """Calls it some times from the same seeds, and compares."""
        start = [to_numpy(variable) for variable in self.seeds]
        answers = []
        for _ in range(_CALLS):
            assign(self.seeds, start)
            leaves = keras.tree.flatten(self(x))
            answers.append(list(map(keras.ops.convert_to_numpy, leaves)))
        first, *others = answers
        if not all(all(map(_is_equal, first, other)) for other in others):
            raise ValueError(
                "`augment` draws random numbers that no seed decides, so a "
                "master and its shadow would see different batches. "
                f"Received: augment={self.function!r}, which gave different "
                "answers to the same samples. "
                "Expected: a Keras layer, or a function of (x, seed) that "
                "draws from `seed` alone, as "
                "keras.random.normal(shape, seed=seed) does."
            )


def _is_equal(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    if one.dtype.kind in "OSU":
        return np.array_equal(one, other)
    return one.shape == other.shape and np.allclose(one, other, equal_nan=True)


def _clone(layer: keras.Layer) -> keras.Layer:
    with explained(
        "The layer `augment` cannot be cloned",
        f"augment={layer!r}",
        "a layer whose `get_config` holds every argument, registered with "
        "keras.saving.register_keras_serializable; or a function of (x, seed)",
    ):
        clone = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layer)
        )
    if layer.weights:
        if not clone.built:
            clone.build_from_config(layer.get_build_config())
        # As layers load their weights from a file: `set_weights` knows nothing
        # of what some make of them, as an adapted `Normalization` does.
        layers = zip(nested_layers(layer), nested_layers(clone), strict=True)
        for one, other in layers:
            values: dict[str, Any] = {}
            one.save_own_variables(values)
            if values:
                other.load_own_variables(values)
    return clone


def check_augment(augment: Any) -> Any:
    """Returns `augment` if it is something that can be called, or `None`."""
    is_class = isinstance(augment, type)
    if augment is None or (callable(augment) and not is_class):
        return augment
    kind = "a layer, but a layer's class" if is_class else "callable"
    expected = "a Keras layer, a function of x or of (x, seed), or None"
    raise wrong_type("augment", augment, kind, expected)
