"""Statistics of batch normalisation, estimated from training data."""

import keras
import numpy as np
import pytest

from keras_amto.distribution import placement_under
from keras_amto.engines import EvaluationJob
from keras_amto.engines import WorkerFactory
from keras_amto.engines import make_engine
from keras_amto.engines import resolve_engine
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import in_order
from keras_amto.tasks import read_data
from tests.conftest import needs_fast_engine
from tests.data import digits
from tests.networks import everything

ENGINES = pytest.mark.parametrize(
    "engine",
    ["portable", pytest.param("fast", marks=needs_fast_engine)],
)


def network(**kwargs):
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.Sequential(
                [keras.layers.BatchNormalization(momentum=0.7, **kwargs)]
            ),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


@keras.saving.register_keras_serializable(package="tests")
class InBlock(keras.layers.Layer):
    """Batch normalisation in a layer, which is no model."""

    def __init__(self, **kwargs):
        super().__init__()
        self.norm = keras.layers.BatchNormalization(momentum=0.7, **kwargs)
        self.layers = 3  # a number of its own

    def call(self, inputs, training=False):
        return self.norm(inputs, training=training)


def in_block(**kwargs):
    return keras.Sequential(
        [
            keras.Input((64,)),
            InBlock(**kwargs),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def made(engine, model, loss="sparse_categorical_crossentropy"):
    arguments = dict(
        optimizer=keras.optimizers.SGD(),
        loss=loss,
        metrics=None,
        weighted_metrics=None,
    )
    x, y = digits(8)
    sample = IndexedData(x, [y, y % 2] if isinstance(loss, list) else y)
    factory = WorkerFactory(model, None, arguments)
    if engine == "fast":
        engine = resolve_engine("auto", eagerly=False)
    placement = placement_under(None, 2, engine)
    return make_engine(engine, factory, sample, placement)


def estimated(engine, model, data, batches, seed=0, loss=None):
    """A model's weights, its statistics those of some batches."""
    maker = made(engine, model, loss or "sparse_categorical_crossentropy")
    replica = maker.initial_replica(model.get_weights())
    jobs = [EvaluationJob(0, (replica,), EvaluationSet(data, batches, seed))]
    ticks = []
    ((outcome,),) = maker.estimate_statistics(jobs, ticks.append)
    assert ticks[-1] == 1
    for before, after in zip(replica.optimizer, outcome.optimizer, strict=True):
        np.testing.assert_array_equal(before, after)
    return list(map(np.asarray, outcome.weights))


@ENGINES
@pytest.mark.parametrize("make", [network, in_block])
def test_they_are_means_over_batches_by_their_sizes(engine, make):
    x, y = digits(50)
    weights = estimated(
        engine, make(), IndexedData(x, y), in_order(np.arange(50), 20)
    )
    parts = [x[:20], x[20:40], x[40:]]
    shares = np.array([0.4, 0.4, 0.2])[:, None]
    mean = (shares * [part.mean(axis=0) for part in parts]).sum(axis=0)
    variance = (shares * [part.var(axis=0) for part in parts]).sum(axis=0)
    np.testing.assert_allclose(weights[2], mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weights[3], variance, rtol=1e-4, atol=1e-6)


@ENGINES
def test_they_do_not_depend_on_the_order_of_batches(engine):
    x, y = digits(60)
    order = np.arange(60)
    other = np.concatenate([order[40:], order[:20], order[20:40]])
    model, data = network(), IndexedData(x, y)
    one, two = (
        estimated(engine, model, data, in_order(each, 20))
        for each in (order, other)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@ENGINES
@pytest.mark.parametrize("part", ["layer", "network"])
def test_frozen_statistics_stay(engine, part):
    model = network()
    (model.layers[0].layers[0] if part == "layer" else model).trainable = False
    data = IndexedData(*digits(20))
    weights = estimated(engine, model, data, in_order(np.arange(20), 10))
    for before, after in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(before, after)


@ENGINES
def test_nothing_but_statistics_changes(engine):
    x, y = digits(40)
    model = everything()
    weights = estimated(
        engine,
        model,
        IndexedData(x, [y, y % 2]),
        in_order(np.arange(40), 16),
        loss=["sparse_categorical_crossentropy", "binary_crossentropy"],
    )
    changed = [
        variable.path.split("/")[-1]
        for variable, after in zip(model.weights, weights, strict=True)
        if not np.array_equal(variable, after)
    ]
    assert changed == ["moving_mean", "moving_variance"]


@ENGINES
def test_renormalisation_is_estimated_too(engine):
    model = network(renorm=True)
    data = IndexedData(*digits(40))
    weights = estimated(engine, model, data, in_order(np.arange(40), 40))
    found = {
        variable.path.split("/")[-1]: after
        for variable, after in zip(model.weights, weights, strict=True)
    }
    mean = digits(40)[0].mean(axis=0)
    for name in ("moving_mean", "renorm_mean"):
        np.testing.assert_allclose(found[name], mean, rtol=1e-4, atol=1e-6)


@needs_fast_engine
def test_the_engines_estimate_alike_with_layers_that_draw():
    x, y = digits(50)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(16),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    batches = in_order(np.arange(50), 16)
    one, other, shifted = (
        estimated(engine, model, IndexedData(x, y), batches, seed)
        for engine, seed in (
            ("portable", 3), ("fast", 3), ("fast", 4)
        )
    )  # fmt: skip
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert not np.allclose(one[4], shifted[4], rtol=1e-4)


@ENGINES
def test_data_on_disk_give_what_arrays_give(engine, tmp_path):
    import contextlib

    x, y = digits(50)
    model, batches = network(), in_order(np.arange(50), 16)
    with contextlib.ExitStack() as files:

        def source():
            for begin in range(0, 50, 10):
                yield x[begin : begin + 10], y[begin : begin + 10]

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 5

            def __getitem__(self, index):
                return list(source())[index]

        data, _ = read_data(
            Batches(), memory_limit=1, cache_dir=tmp_path, files=files
        )
        assert not data.is_in_memory
        on_disk = estimated(engine, model, data, batches)
    in_memory = estimated(engine, model, IndexedData(x, y), batches)
    for a, b in zip(on_disk, in_memory, strict=True):
        np.testing.assert_array_equal(a, b)
