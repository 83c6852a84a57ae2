"""Tests that need a process with eight devices; test_jax.py runs them."""

import jax
import numpy as np
import pytest

import keras_amto
from tests.data import digit_images
from tests.engines.test_equality import assert_equal_runs
from tests.engines.test_equality import train
from tests.networks import cnn
from tests.networks import compiled
from tests.networks import mlp


def network():
    return mlp(dropout=0.2)


def devices_of(model):
    """The devices of each master."""
    return [
        {device for leaf in master.weights for device in leaf.devices()}
        for master in model._carried.run.masters
    ]


@pytest.fixture(scope="module")
def oracle():
    return train(network, engine="portable", num_tasks=4)


def test_there_are_eight_devices():
    assert len(jax.local_devices()) == 8


@pytest.mark.parametrize("vectorize", [False, True])
def test_a_population_on_eight_devices_equals_the_oracle(oracle, vectorize):
    model = train(network, engine="jax", num_tasks=4, vectorize=vectorize)
    assert_equal_runs(oracle, model)
    assert all(len(devices) == 1 for devices in devices_of(model))
    assert len(set.union(*devices_of(model))) > 1
    x = np.ones((3, 64), "float32")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), oracle.predict(x, verbose=0), atol=1e-5
    )


@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("num_tasks", [3, 4, 8])
@pytest.mark.parametrize("network", [mlp, cnn])
def test_placement_says_where_replicas_are_trained(
    network, num_tasks, vectorize
):
    model = keras_amto.AMTOModel(
        network(),
        num_tasks,
        transfer_interval=100,  # none yet: a transfer moves replicas
        vectorize=vectorize,
    )
    x, y = digit_images(40, 8, 1)
    if network is mlp:
        x = x.reshape(-1, 64)
    compiled(model).fit(x, y, batch_size=16, verbose=0)
    rows = model.placement.tasks
    assert [{row.master} for row in rows] == [
        set(map(str, devices)) for devices in devices_of(model)
    ]


@pytest.mark.parametrize("vectorize", [False, True])
def test_devices_take_several_replicas_each(vectorize):
    runs = [
        train(mlp, num_tasks=8, fit_args=dict(epochs=1), **settings)
        for settings in (
            dict(engine="portable"),
            dict(engine="jax", vectorize=vectorize),
        )
    ]
    assert_equal_runs(*runs)


def test_as_many_devices_train_as_divide_the_replicas():
    model = train(mlp, engine="jax", num_tasks=3, fit_args=dict(epochs=1))
    assert len(model._carried.engine._crew.devices) == 6
