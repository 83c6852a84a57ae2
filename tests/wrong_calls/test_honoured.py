"""Keras decides what is wrong: what it honours, AMTO does."""

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import everything
from tests.networks import mlp

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]

x, y = digits(60)

FIT = {
    "batches of a NumPy count": dict(batch_size=np.array(8)),
    "epochs of a NumPy count": dict(epochs=np.int64(1)),
    "a first epoch after the last": dict(initial_epoch=5),
    "no verbosity": dict(verbose=False),
    "an empty dict of callbacks": dict(callbacks={}),
    "no share of validation": dict(validation_split=None),
    "a list of validation data": dict(validation_data=[x, y]),
    "no epoch of validation": dict(validation_freq=[]),
    "validation before the first epoch": dict(validation_freq=[0, 1]),
    "shuffling of another kind": dict(shuffle="batch"),
    "shuffling of None": dict(shuffle=None),
    "no class weights": dict(class_weight={}),
    "weights of no class": dict(class_weight={"a": 1.0, 99: 2.0}),
    "a column of weights": dict(sample_weight=np.ones((60, 1))),
    "weights that are true": dict(sample_weight=np.ones(60, bool)),
    "negative weights": dict(sample_weight=-np.ones(60)),
    "a column of targets": dict(y=y[:, None]),
    "targets of floats": dict(y=y.astype("float32")),
}
COMPILE = {
    "a configuration": dict(optimizer={"class_name": "sgd", "config": {}}),
    "a class of losses": dict(loss=keras.losses.SparseCategoricalCrossentropy),
    "a loss by Keras' choice": dict(loss="crossentropy"),
    "a weight": dict(loss_weights=0.5),
    "a list of weights": dict(loss_weights=[0.5]),
    "no metrics": dict(metrics=()),
    "metrics of several kinds": dict(
        metrics=[
            "acc",
            keras.metrics.SparseCategoricalAccuracy,
            lambda y_true, y_pred: keras.ops.mean(y_pred),
        ]
    ),
    "eager, somehow": dict(run_eagerly=1),
    "compiled, or not": dict(jit_compile=None),
}


def both():
    return mlp(), keras_amto.AMTOModel(mlp(), 2, 3, seed=0)


def assert_alike(histories):
    """Keras' epochs, and all of its logs: of finite numbers where its are."""
    theirs, ours = histories
    assert ours.epoch == theirs.epoch
    assert set(theirs.history) <= set(ours.history)
    for name, values in theirs.history.items():
        assert np.isfinite(ours.history[name]).all() == (
            np.isfinite(values).all()
        )


@pytest.mark.parametrize("name", FIT)
def test_what_keras_honours_in_fit_is_honoured(name):
    assert_alike(
        compiled(model).fit(**({"x": x, "y": y, "verbose": 0} | FIT[name]))
        for model in both()
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", COMPILE)
def test_what_keras_honours_in_compile_is_honoured(name):
    assert_alike(
        compiled(model, **COMPILE[name]).fit(x, y, verbose=0)
        for model in both()
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_output_may_have_no_loss_and_no_metric():
    histories = []
    for model in (everything(), keras_amto.AMTOModel(everything(), 2, seed=0)):
        model.compile(
            "sgd",
            ["sparse_categorical_crossentropy", None],
            metrics=[["accuracy"], None],
        )
        histories.append(model.fit(x, [y, y % 2], verbose=0))
    assert_alike(histories)
