"""The TensorFlow engine makes the next batch while a step runs."""

import threading

import numpy as np
import pytest

from keras_amto.tasks import in_order
from tests.conftest import needs_tensorflow

pytestmark = needs_tensorflow

HOST = "CPU:0"
STEPS = 6


class Meeting:
    """Notes which steps run while the next batch is made.

    A step waits for that, in vain where batches are made between steps.
    """

    seconds = 1.0  # at most

    def __init__(self):
        self._condition = threading.Condition()
        self.begun = 0
        self.met = []

    def begin(self, x):
        with self._condition:
            self.begun += 1
            self._condition.notify_all()
        return x

    def wait(self, x):
        with self._condition:
            following = len(self.met) + 2
            met = self._condition.wait_for(
                lambda: self.begun >= following, self.seconds
            )
            self.met.append(met)
        return x


def program(augment, step):
    """A program of one step on batches of numbers."""
    import tensorflow as tf

    from keras_amto.engines.program import Program

    specs = tf.TensorSpec([None], tf.float32)

    def traced(function):
        return tf.function(function).get_concrete_function(specs)

    made = Program([traced(step)], specs, HOST, HOST, HOST, traced(augment))
    made._steps_per_call = STEPS  # as in a run that is under way
    return made


def numpy_function(function, x):
    import tensorflow as tf

    return tf.ensure_shape(tf.numpy_function(function, [x], x.dtype), [None])


def test_the_next_batch_is_augmented_while_a_step_runs():
    import tensorflow as tf

    meeting = Meeting()
    run = program(
        lambda x: numpy_function(meeting.begin, x),
        lambda x: {"mean": tf.reduce_mean(numpy_function(meeting.wait, x))},
    )
    samples = np.arange(2 * STEPS, dtype="float32")
    batches = in_order(np.arange(2 * STEPS), 2)
    (logs,) = run(tf.constant(samples), batches, lambda _: None)
    # None is made after the last one.
    assert meeting.met == [True] * (STEPS - 1) + [False]
    assert meeting.begun == STEPS
    assert logs["mean"].numpy() == samples[-2:].mean()


def test_steps_see_their_batches_in_order():
    import tensorflow as tf

    seen = []

    def note(x):
        seen.append(x.tolist())
        return x

    run = program(
        lambda x: -x,
        lambda x: {"mean": tf.reduce_mean(numpy_function(note, x))},
    )
    samples = np.arange(17, dtype="float32")
    batches = in_order(np.arange(17)[::-1], 5)  # in calls of six, and shorter
    run(tf.constant(samples), batches, lambda _: None)
    expected = [(-samples[batches[i]]).tolist() for i in range(len(batches))]
    assert seen == expected


@pytest.mark.parametrize("count", [1, 2])
def test_draws_are_as_many_as_batches(count):
    import tensorflow as tf

    draws = tf.Variable(0.0)

    def augment(x):
        return x + draws.assign_add(1.0)

    run = program(augment, lambda x: {"first": x[0]})
    batches = in_order(np.arange(count), 1)
    (logs,) = run(tf.zeros(count), batches, lambda _: None)
    assert draws.numpy() == count
    assert logs["first"].numpy() == count
