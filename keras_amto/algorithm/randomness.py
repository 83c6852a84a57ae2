"""Independent random streams, each a pure function of (seed, purpose, keys).

Nothing in the package draws from a global generator. All random numbers come
from the stream of a purpose. A draw depends neither on earlier draws nor on the
order of calls, so resumed and distributed runs see the same numbers.
"""

import enum

import numpy as np


class Purpose(enum.IntEnum):
    """What a random stream is for.

    The numbers are part of every seed. Never renumber them, or old runs cannot
    be repeated.
    """

    SPLIT = 1
    HOLDOUT = 2
    SHUFFLE = 3
    DONORS = 4
    INITIAL_WEIGHTS = 5
    LAYER_SEEDS = 6
    TEST_SPLIT = 7
    EVALUATION = 8
    STATISTICS = 9


def random_stream(
    seed: int, purpose: Purpose, *keys: int
) -> np.random.Generator:
    """Returns a generator that depends on the arguments alone.

    The keys, integers of at least 0, name one stream among those of the
    purpose, for instance a task and a pass over its data.

    >>> draws = [random_stream(0, Purpose.DONORS, 3).random() for _ in range(2)]
    >>> draws[0] == draws[1]
    True
    """
    # A spawn key, because a list of entropy ignores trailing zeros: the streams
    # of (1,) and (1, 0) would be the same.
    return np.random.default_rng(
        np.random.SeedSequence(seed, spawn_key=(int(purpose), *keys))
    )
