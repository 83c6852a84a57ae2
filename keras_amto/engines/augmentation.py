"""Augmentation of training batches, drawn from a task's own numbers."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_amto.tasks import GrossSet


class Augmentation:
    """What a training batch goes through before master and shadow see it.

    Args:
        function: A Keras layer, called with `training=True`; a function of `x`
            or of `(x, seed)`; or `None`, which leaves batches as they are.
        sample: A small batch of the data, to build a layer with.

    Raises:
        TypeError: if it cannot be called.
        ValueError: if it cannot be called on the data, or gives something of
            another structure.

    Attributes:
        seeds: The variables of `TaskState.seeds` that random draws advance.
    """

    def __init__(
        self, function: Callable[..., Any] | None, sample: GrossSet
    ) -> None:
        self.function = function
        self.seeds: tuple[keras.Variable, ...] = ()
        self._arguments: dict[str, Any] = {}
        if function is None:
            return
        if isinstance(function, keras.Layer):
            # Engines on several devices draw at the same time.
            layer: Any = _clone(function)
            self.function = layer
            parameters = inspect.signature(layer.call).parameters
            if "training" in parameters:
                self._arguments["training"] = True
            self._try(sample)
            weights = {id(variable) for variable in layer.weights}
            self.seeds = tuple(
                v for v in layer.variables if id(v) not in weights
            )
            return
        if "seed" in inspect.signature(function).parameters:
            generator = keras.random.SeedGenerator(0)
            self._arguments["seed"] = generator
            self.seeds = (generator.state,)
        self._try(sample)

    def __call__(self, x: Any) -> Any:
        """Augments the inputs of a batch."""
        if self.function is None:
            return x
        return self.function(x, **self._arguments)

    def _try(self, sample: GrossSet) -> None:
        x = keras.tree.map_structure(keras.ops.convert_to_tensor, sample.x)
        try:
            augmented = self(x)
            keras.tree.assert_same_structure(x, augmented)
        except Exception as error:
            raise ValueError(
                f"`augment` cannot be called on the data: {error} "
                f"Received: augment={self.function!r} and x of "
                f"{keras.tree.map_structure(lambda a: a.shape, x)}. "
                "Expected: a layer or a function that takes x and returns it "
                "in the same structure."
            ) from error


def _clone(layer: keras.Layer) -> keras.Layer:
    try:
        clone = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layer)
        )
    except Exception as error:
        raise ValueError(
            f"The layer `augment` cannot be cloned: {error} "
            f"Received: augment={layer!r}. "
            "Expected: a layer whose `get_config` holds every argument, "
            "registered with keras.saving.register_keras_serializable; or a "
            "function of (x, seed)."
        ) from error
    if layer.weights:
        if not clone.built:
            clone.build_from_config(layer.get_build_config())
        clone.set_weights(layer.get_weights())
    return clone


def check_augment(augment: Any) -> Any:
    """Returns `augment` if it is something that can be called, or `None`."""
    is_class = isinstance(augment, type)
    if augment is not None and (is_class or not callable(augment)):
        what = "is a layer's class" if is_class else "cannot be called"
        raise TypeError(
            f"`augment` {what}. "
            f"Received: augment={augment!r} (of type {type(augment)}). "
            "Expected: a Keras layer, a function of x or of (x, seed), or "
            "None."
        )
    return augment
