"""Tests that share an engine are as good as those with engines of their own."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.engines import WorkerFactory
from keras_amto.fit import start
from keras_amto.tasks import IndexedData
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.engines_once import key_of
from tests.engines_once import make_engine
from tests.networks import everything
from tests.networks import mlp
from tests.networks import sampler

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]


def outcome(rate=0.01, seed=0, network=sampler):
    keras.utils.set_random_seed(seed)
    model = keras_amto.AMTOModel(network(), 2, 3, seed=seed)
    model.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    x, y = digits(100)
    stop = keras_amto.AMTOCallback(patience=None, answer="average")
    nan = keras.callbacks.TerminateOnNaN()
    model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[stop, nan])
    weights = model.get_weights() + model.get_answer("average").get_weights()
    records = [record.to_json() for record in model.ledger]
    return model._carried.engine, weights, records, str(model.finalists)


def test_a_shared_engine_keeps_nothing_of_who_had_it_before(monkeypatch):
    before, *_ = outcome(rate=0.01, seed=9)
    engine, *shared = outcome()
    assert engine is before
    outcome(rate=0.01, seed=4)
    monkeypatch.setattr(start, "make_engine", make_engine)
    own, *alone = outcome()
    assert own is not engine
    for a, b in zip(shared.pop(0), alone.pop(0), strict=True):
        np.testing.assert_array_equal(a, b)
    assert shared == alone


def key(network=mlp, seen=None, **changes):
    network = network()
    x, y = digits(4)
    network.build((None, 64))
    given = {
        "optimizer": keras.optimizers.SGD(0.1),
        "loss": "sparse_categorical_crossentropy",
        "metrics": None,
    } | changes
    factory = WorkerFactory(network, None, given)
    return key_of("tensorflow", factory, seen or IndexedData(x, y), None)


def frozen():
    network = mlp()
    network.layers[0].trainable = False
    return network


def excluding():
    optimizer = keras.optimizers.AdamW(0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def test_equal_models_share_and_others_do_not():
    x, y = digits(4)
    keys = [
        key(),
        key(lambda: mlp(units=17)),
        key(frozen),
        key(lambda: mlp(dropout=0.1)),
        key(optimizer=keras.optimizers.SGD(0.2)),
        key(optimizer=keras.optimizers.Adam(0.1)),
        key(optimizer=keras.optimizers.AdamW(0.1)),
        key(optimizer=excluding()),
        key(loss="mse"),
        key(metrics=["accuracy"]),
        key(seen=IndexedData(x.astype("float16"), y)),
        key(seen=IndexedData(x, y, np.ones(4))),
    ]
    assert len(set(keys)) == len(keys)
    assert None not in keys
    assert key() == keys[0]


def test_what_no_key_says_whole_is_not_shared():
    assert key(loss=lambda y, p: p) is None
    own = type("Own", (keras.Sequential,), {})
    assert key(lambda: own(mlp().layers)) is None
    named = key(everything)
    assert "digit" in named
    assert "parity" in named
