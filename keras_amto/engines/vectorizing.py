"""Whether the replicas of a network are trained at once."""

import keras

#: More weights fill a device by themselves.
_MOST_WEIGHTS = 2_000_000


def is_vectorized(
    network: keras.Model, convolves: bool, vectorize: bool | str
) -> bool:
    """Says whether all replicas of a network are trained at once.

    `"auto"` is a rule of the network alone, so that a resumed run decides
    alike: small networks without convolutions are. Their steps are too short to
    fill a device. A convolution with a kernel for each replica becomes one of
    many groups, which takes longer than one after another.
    """
    if isinstance(vectorize, bool):
        return vectorize
    return not convolves and network.count_params() <= _MOST_WEIGHTS
