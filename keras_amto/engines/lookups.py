"""Preprocessing layers that look something up in an adapted table.

A table is no variable, and a layer's configuration does not hold what `adapt`
has put into it.
"""

from typing import Any

import keras

from keras_amto.engines.building import nested_layers

_KINDS = (
    keras.layers.IntegerLookup,
    keras.layers.StringLookup,
    keras.layers.TextVectorization,
)


def lookups(layer: Any) -> list[keras.Layer]:
    """Returns the lookup layers of a model, those of nested ones too."""
    found = [each for each in nested_layers(layer) if isinstance(each, _KINDS)]
    # Some hold another one, which is filled with them.
    parts = {id(each) for one in found for each in [*nested_layers(one)][1:]}
    return [each for each in found if id(each) not in parts]


def clone_sharing_lookups(model: keras.Model) -> keras.Model:
    """Clones a model like `keras.models.clone_model`, sharing its tables."""
    # Of a subclassed model, which has no symbolic inputs, Keras asks the class.
    if not lookups(model) or not hasattr(model, "inputs"):
        return keras.models.clone_model(model)

    def clone_layer(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, _KINDS):
            return layer
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(
        model, clone_function=clone_layer, recursive=True
    )


def copy_lookups(model: keras.Model, clone: keras.Model) -> None:
    """Fills the tables that a clone does not share with its model."""
    # Those of a subclassed model, which Keras makes again.
    for one, other in zip(lookups(model), lookups(clone), strict=True):
        if one is other:
            continue
        vocabulary = one.get_vocabulary()
        if vocabulary != other.get_vocabulary():
            other.set_vocabulary(vocabulary)
