"""Copies of optimizers."""

import keras
import numpy as np

from keras_amto.experiments.optimizers import copy_of


def test_a_copy_has_its_own_learning_rate():
    optimizer = keras.optimizers.SGD(0.06, momentum=0.9, nesterov=True)
    faster = copy_of(optimizer, 7 / 6)
    assert faster is not optimizer
    np.testing.assert_allclose(float(faster.learning_rate), 0.07, rtol=1e-6)
    assert (faster.momentum, faster.nesterov) == (0.9, True)
    np.testing.assert_allclose(float(optimizer.learning_rate), 0.06, 1e-6)


def test_a_schedule_is_scaled_as_a_whole_and_can_be_saved():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [10], [0.6, 0.06]
    )
    faster = copy_of(keras.optimizers.SGD(schedule), 7 / 6)
    again = copy_of(faster)
    for optimizer in (faster, again):
        rates = [float(optimizer._learning_rate(step)) for step in (0, 20)]
        np.testing.assert_allclose(rates, [0.7, 0.07], rtol=1e-6)
