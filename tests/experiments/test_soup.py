"""Averages of weights, and their batch normalisation."""

import keras
import numpy as np

from keras_amto.experiments.soup import average_weights
from keras_amto.experiments.soup import reestimate_normalization


def test_a_soup_is_the_mean_of_weights():
    one = [np.array([1.0, 2.0], "float32"), np.array([3, 4])]
    other = [np.array([3.0, 6.0], "float32"), np.array([9, 9])]
    mean, whole = average_weights([one, other])
    assert mean.dtype == np.float32
    assert mean.tolist() == [2.0, 4.0]
    assert whole.tolist() == [3, 4]


def test_statistics_become_those_of_the_data():
    network = keras.Sequential(
        [
            keras.Input((3,)),
            keras.Sequential([keras.layers.BatchNormalization(momentum=0.7)]),
        ]
    )
    x = np.random.default_rng(0).normal(5, 2, (60, 3)).astype("float32")
    assert reestimate_normalization(network, x, batch_size=20) == 1
    layer = network.layers[0].layers[0]
    _, _, mean, variance = layer.get_weights()
    parts = x.reshape(3, 20, 3)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        variance, parts.var(axis=1).mean(axis=0), rtol=1e-4
    )
    assert layer.momentum == 0.7


def test_frozen_statistics_stay():
    layer = keras.layers.BatchNormalization()
    network = keras.Sequential([keras.Input((3,)), layer])
    layer.trainable = False
    before = network.get_weights()
    assert reestimate_normalization(network, np.ones((8, 3)), 4) == 0
    for a, b in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
