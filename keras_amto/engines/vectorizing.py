"""Whether the replicas of a network are trained at once."""

import keras

from keras_amto.engines.building import nested_layers

#: More weights fill a device by themselves.
_MOST_WEIGHTS = 2_000_000


def is_vectorized(network: keras.Model, vectorize: bool | str) -> bool:
    """Says whether all replicas of a network are trained at once.

    `"auto"` is a rule of the network alone, so that a resumed run decides
    alike: small networks without convolutions are. Their steps are too short to
    fill a device. A convolution with a kernel for each replica becomes one of
    many groups, which takes longer than one after another.
    """
    if isinstance(vectorize, bool):
        return vectorize
    is_small = network.count_params() <= _MOST_WEIGHTS
    return is_small and not any(map(_convolves, nested_layers(network)))


def _convolves(layer: keras.Layer) -> bool:
    # Also of a user's own layer: one that has a kernel for windows.
    return hasattr(layer, "kernel_size")
