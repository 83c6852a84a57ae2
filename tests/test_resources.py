"""Fitting again and again takes no more of anything."""

import gc
import os
import threading

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = needs_tensorflow


class Traces:
    """Counts how often TensorFlow traces a Python function."""

    def __init__(self, monkeypatch):
        self.count = 0
        original = keras.Model.__call__

        def counting(model, *args, **kwargs):
            import tensorflow as tf

            # A network is called in a graph only while that is traced.
            if not tf.executing_eagerly():
                self.count += 1
            return original(model, *args, **kwargs)

        monkeypatch.setattr(keras.Model, "__call__", counting)


def usage():
    import tensorflow as tf

    gc.collect()
    return {
        "tensors": sum(
            isinstance(each, (tf.Tensor, tf.Variable))
            for each in gc.get_objects()
        ),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
    }


def test_the_tenth_fit_traces_nothing_and_leaves_nothing(monkeypatch):
    traces = Traces(monkeypatch)
    model = keras_amto.AMTOModel(
        mlp(dropout=0.1), 2, transfer_interval=3, seed=0
    )
    compiled(model)
    x, y = digits(100)
    after = {}
    for number in range(1, 11):
        model.fit(
            x.copy(),
            y.copy(),
            batch_size=16,
            epochs=2,
            verbose=0,
            callbacks=[keras_amto.AMTOCallback(patience=3)],
        )
        if number == 1:
            assert traces.count > 0  # the counter counts
            traces.count = 0
        after[number] = usage()
    assert traces.count == 0
    assert after[10] == after[3]


def test_data_of_another_length_are_not_traced_again(monkeypatch):
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
    x, y = digits(100)
    model.fit(x, y, batch_size=16, verbose=0)
    traces = Traces(monkeypatch)
    model.fit(x[:70], y[:70], batch_size=7, epochs=2, verbose=0)
    assert traces.count == 0


def test_a_round_traces_each_step_once(monkeypatch):
    traces = Traces(monkeypatch)
    model = compiled(keras_amto.AMTOModel(mlp(), 4, 3, seed=0))
    x, y = digits(100)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    # A training and an evaluation step for master and for shadow.
    assert traces.count == 4


def test_states_are_values_that_share_what_is_equal():
    model = compiled(keras_amto.AMTOModel(mlp(), 4, 3, seed=0))
    x, y = digits(100)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    population = model._session.population
    with pytest.raises(AttributeError):
        population.masters = ()
    before = [np.array(t) for t in population.masters[0].weights]
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    for a, b in zip(before, population.masters[0].weights, strict=True):
        np.testing.assert_array_equal(a, b)
