"""What a controller keeps of a round, to repeat it from."""

import dataclasses

import numpy as np

from keras_amto.engines import Replica
from keras_amto.fit.recovery import Copies
from tests.conftest import needs_tensorflow

pytestmark = needs_tensorflow


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    masters: tuple
    best: tuple
    records: tuple = ()


class Fetching:
    """Counts what it is asked for."""

    def __init__(self):
        self.fetched = []

    def on_host(self, replica):
        self.fetched.append(replica)
        return replica


def replica(value):
    import tensorflow as tf

    return Replica((tf.constant([value]),), (tf.constant(value),))


def test_a_copy_has_arrays_for_tensors_and_what_was_one_stays_one():
    one, other = replica(1.0), replica(2.0)
    copy = Copies().copy(State((one, other), (one, one), ({"a": 3},)))
    assert copy.masters[0] is copy.best[0]
    assert copy.best[1] is copy.best[0]
    assert copy.records == ({"a": 3},)
    for made, value in zip(copy.masters, (1.0, 2.0), strict=True):
        np.testing.assert_array_equal(made.weights[0], [value])
        assert isinstance(made.optimizer[0], np.ndarray)


def test_only_what_is_new_is_fetched():
    engine, copies = Fetching(), Copies()
    one, other, third = map(replica, (1.0, 2.0, 3.0))
    first = copies.copy(State((one,), (one,)), engine)
    again = copies.copy(State((other,), (one,)), engine)
    assert engine.fetched == [one, other]
    assert again.best[0] is first.best[0]
    copies.copy(State((third,), (third,)), engine)
    copies.copy(State((third,), (one,)), engine)  # was not kept meanwhile
    assert engine.fetched == [one, other, third, one]
