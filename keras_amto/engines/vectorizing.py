"""How the replicas of a network share a device."""

from typing import NamedTuple

import keras

#: A step of more weights is long enough for a call of its own.
_MOST_WEIGHTS = 2_000_000


class Manner(NamedTuple):
    """How the replicas on one device are trained.

    Attributes:
        vectorizes: Boolean, whether all of them make a step at once, as one
            network with one more axis.
        together: Boolean, whether one call trains them all where they are
            trained one after another.
        loops: Boolean, whether a call makes many steps.
    """

    vectorizes: bool
    together: bool
    loops: bool


def manner(
    network: keras.Model, convolves: bool, vectorize: bool | str, platform: str
) -> Manner:
    """Decides, by the network and the kind of device alone.

    So a resumed run decides alike. Steps of small networks without convolutions
    are too short to fill an accelerator; `"auto"` takes these at once there. On
    a CPU nothing is gained: docs/design.md has the measurements. A convolution
    with a kernel for each replica becomes one of many groups, which takes
    longer than one after another.
    """
    is_small = not convolves and network.count_params() <= _MOST_WEIGHTS
    is_cpu = platform == "cpu"
    vectorizes = (
        is_small and not is_cpu if vectorize == "auto" else bool(vectorize)
    )
    return Manner(
        vectorizes=vectorizes,
        together=is_small,
        # XLA makes convolutions 25 times slower in a loop on a CPU.
        loops=not (convolves and is_cpu),
    )
