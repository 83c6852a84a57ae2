"""Wrong calls to every public name, in one table.

Each gets the documented error, which says what was received and what is
expected, and leaves the model as it was and usable.
"""

import json
import pathlib

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.optimizers import LinearPrediction
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = needs_tensorflow

x, y = digits(60)
MESSAGE = "Received.*Expected"


def at(array, value, index=7):
    """The array with one value in place of another."""
    changed = array.astype("float32")
    changed.flat[index] = value
    return changed


def dataset(*tensors):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(tensors)


def new_model(**settings):
    return lambda _: keras_amto.AMTOModel(**({"model": mlp()} | settings))


def fit(*positional, **arguments):
    def call(model):
        given = {"verbose": 0} | arguments
        if not positional:
            given = {"x": x, "y": y} | given
        for name, value in given.items():  # made when TensorFlow may be used
            if callable(value):
                given[name] = value()
        model.fit(*positional, **given)

    return call


def compile(**arguments):
    return lambda model: compiled(model, **arguments)


def amto_callback(**arguments):
    return lambda _: keras_amto.AMTOCallback(**arguments)


def backup(**arguments):
    return lambda _: keras_amto.PopulationBackup(
        **({"backup_dir": "x"} | arguments)
    )


def ledger(text, read=keras_amto.Ledger.load):
    def call(model):
        path = pathlib.Path("ledger.jsonl")
        path.write_text(text)
        read(path)

    return call


RECORD = json.loads(
    '{"round": 0, "step": 1, "donors": [1, 0], "donor_probabilities": '
    '[[0.0, 1.0], [1.0, 0.0]], "master_losses": [1.0, 1.0], '
    '"shadow_losses": [2.0, 2.0], "accepted": [false, false], '
    '"relationships": [[0.0, 0.0], [0.0, 0.0]], "wait": [0, 0]}'
)


def lines(*changes):
    return "".join(json.dumps(RECORD | change) + "\n" for change in changes)


AMTO_MODEL = {
    "no model": (new_model(model=None), TypeError, "no Keras model"),
    "a name": (new_model(model="mobilenet"), TypeError, "no Keras model"),
    "a class": (
        new_model(model=keras.Sequential), TypeError, "no Keras model"),
    "a function of no model": (
        new_model(model=lambda: 3), TypeError, "no Keras model"),
    "an AMTOModel": (
        lambda model: keras_amto.AMTOModel(model),
        TypeError, "cannot be wrapped again"),
    "no tasks": (new_model(num_tasks=0), ValueError, "`num_tasks`"),
    "half tasks": (new_model(num_tasks=2.5), TypeError, "`num_tasks`"),
    "a yes of tasks": (new_model(num_tasks=True), TypeError, "`num_tasks`"),
    "no interval": (
        new_model(transfer_interval=0), ValueError, "`transfer_interval`"),
    "an interval in words": (
        new_model(transfer_interval="100"), TypeError, "`transfer_interval`"),
    "no validation": (
        new_model(validation_split=0.0), ValueError, "`validation_split`"),
    "nothing but validation": (
        new_model(validation_split=1.0), ValueError, "`validation_split`"),
    "a split of NaN": (
        new_model(validation_split=np.nan), ValueError, "`validation_split`"),
    "a split in words": (
        new_model(validation_split="0.1"), TypeError, "`validation_split`"),
    "a negative holdout": (
        new_model(holdout_split=-0.1), ValueError, "`holdout_split`"),
    "nothing but holdout": (
        new_model(holdout_split=1), ValueError, "`holdout_split`"),
    "an unknown selection": (
        new_model(selection="best"), ValueError, "'adaptive', 'uniform'"),
    "no selection": (
        new_model(selection=None), ValueError, "`selection` is unknown"),
    "stratify in words": (
        new_model(stratify="yes"), TypeError, "`stratify` is no boolean"),
    "stratify by labels": (
        new_model(stratify=y), TypeError, "`stratify` is no boolean"),
    "an unknown engine": (
        new_model(engine="jax"), ValueError, "`engine` is unknown"),
    "a negative seed": (new_model(seed=-1), ValueError, "`seed`"),
    "half a seed": (new_model(seed=0.5), TypeError, "`seed` is no integer"),
    "a decay of nothing": (
        new_model(relationship_decay=0), ValueError, "`relationship_decay`"),
    "a decay that grows": (
        new_model(relationship_decay=1.5), ValueError, "`relationship_decay`"),
    "weights of a task that is not": (
        lambda model: model.get_task_weights(2), ValueError, "no such task"),
    "weights of a task by name": (
        lambda model: model.get_task_weights("0"), TypeError, "`task`"),
    "weights for a negative task": (
        lambda model: model.set_task_weights(-1, []), ValueError, "`task`"),
    "weights that do not fit": (
        lambda model: model.set_task_weights(0, [np.zeros(3)]),
        ValueError, "do not fit"),
    "a single batch": (
        lambda model: model.train_on_batch(x, y),
        ValueError, "`train_on_batch`"),
}  # fmt: skip

COMPILE = {
    "no steps an execution": (
        compile(steps_per_execution=0), ValueError, "`steps_per_execution`"),
    "steps an execution in words": (
        compile(steps_per_execution="2"), TypeError, "`steps_per_execution`"),
    "an eager TensorFlow engine": (
        lambda _: compiled(
            keras_amto.AMTOModel(mlp(), engine="tensorflow"),
            run_eagerly=True),
        ValueError, "run_eagerly=True"),
}  # fmt: skip

FIT = {
    "no data": (fit(x=None), ValueError, "nothing to train on"),
    "empty data": (fit(x=x[:0], y=y[:0]), ValueError, "no sample"),
    "one sample": (fit(x=x[:1], y=y[:1]), ValueError, "leaves no sample"),
    "fewer targets": (fit(y=y[:9]), ValueError, "numbers of samples"),
    "a scalar": (fit(x=3.0), TypeError, "scalar"),
    "a list of numbers": (fit(x=[1.0, 2.0]), TypeError, "scalar"),
    "text for numbers": (
        fit(x=np.full((60, 64), "1.0")), ValueError, "do not fit"),
    "objects for numbers": (
        fit(x=np.full((60, 64), None, dtype=object)),
        ValueError, "do not fit"),
    "text for labels": (
        fit(y=np.full(60, "three")), ValueError, "text"),
    "NaN in the data": (
        fit(x=at(x, np.nan)), ValueError, "`x` holds NaN"),
    "infinity in the data": (
        fit(x=at(x, -np.inf)), ValueError, "`x` holds NaN or infinity"),
    "infinite labels": (
        fit(y=at(y, np.inf)), ValueError, "Received: label inf of sample"),
    "NaN weights": (
        fit(sample_weight=at(np.ones(60), np.nan)),
        ValueError, "`sample_weight` holds NaN"),
    "NaN in the validation data": (
        fit(validation_data=(at(x, np.nan), y)),
        ValueError, "`validation_data: x` holds NaN"),
    "narrower data": (fit(x=x[:, :63]), ValueError, "do not fit the model"),
    "a generator": (
        fit(x=lambda: iter([(x, y)])), TypeError, "generator"),
    "a dataset without end": (
        fit(x=lambda: dataset(x, y).batch(8).repeat(), y=None),
        ValueError, "never ends"),
    "an empty dataset": (
        fit(x=lambda: dataset(x, y).batch(8).take(0), y=None),
        ValueError, "no sample"),
    "a dataset of samples": (
        fit(x=lambda: dataset(x, y), y=None), ValueError, "not batched"),
    "targets beside a dataset": (
        fit(x=lambda: dataset(x, y).batch(8)), ValueError, "beside a dataset"),
    "no batch": (fit(batch_size=0), ValueError, "`batch_size`"),
    "half a batch": (fit(batch_size=2.5), TypeError, "`batch_size`"),
    "negative epochs": (fit(epochs=-1), ValueError, "`epochs`"),
    "epochs in words": (fit(epochs="3"), TypeError, "`epochs`"),
    "a negative first epoch": (
        fit(initial_epoch=-1), ValueError, "`initial_epoch`"),
    "an epoch of no steps": (
        fit(steps_per_epoch=0), ValueError, "`steps_per_epoch`"),
    "all for validation": (
        fit(validation_split=0.999), ValueError, "leaves no sample"),
    "more than all for validation": (
        fit(validation_split=1.5), ValueError, "`validation_split`"),
    "no validation steps": (
        fit(validation_steps=0), ValueError, "`validation_steps`"),
    "a negative validation batch": (
        fit(validation_batch_size=-3), ValueError, "`validation_batch_size`"),
    "validation after no epoch": (
        fit(validation_freq=0), ValueError, "`validation_freq`"),
    "validation at all times": (
        fit(validation_freq="ever"), TypeError, "`validation_freq`"),
    "unequal validation data": (
        fit(validation_data=(x, y[:3])), ValueError, "numbers of samples"),
    "too many validation data": (
        fit(validation_data=(x, y, y, y)), ValueError, "too many parts"),
    "too few weights": (
        fit(sample_weight=np.ones(3)), ValueError, "numbers of samples"),
    "two kinds of weights": (
        fit(sample_weight=np.ones(60), class_weight={0: 1}),
        ValueError, "cannot be used together"),
    "a list of class weights": (
        fit(class_weight=[1.0, 2.0]), TypeError, "`class_weight`"),
    "a class weight in words": (
        fit(class_weight={0: "two"}), ValueError, "`class_weight`"),
    "a class weight of NaN": (
        fit(class_weight={0: np.nan}), ValueError, "`class_weight`"),
    "an unknown verbosity": (fit(verbose="loud"), ValueError, "`verbose`"),
    "a callback by name": (
        fit(callbacks=["stop"]), TypeError, "`callbacks`"),
    "two AMTO callbacks": (
        fit(callbacks=lambda: [keras_amto.AMTOCallback()] * 2),
        ValueError, "one AMTOCallback at most"),
    "a callback that knows one network": (
        fit(callbacks=lambda: [keras.callbacks.BackupAndRestore("b")]),
        ValueError, "BackupAndRestore"),
    "a metric that is not": (
        fit(callbacks=lambda: [
            keras_amto.AMTOCallback(selection_metric="f1")]),
        ValueError, "`selection_metric` does not exist"),
    "a metric of which lower is better": (
        fit(callbacks=lambda: [
            keras_amto.AMTOCallback(selection_metric="loss")]),
        ValueError, "lower is better"),
}  # fmt: skip

CALLBACKS = {
    "no patience": (amto_callback(patience=0), ValueError, "`patience`"),
    "half patience": (amto_callback(patience=1.5), TypeError, "`patience`"),
    "patience in words": (
        amto_callback(patience="10"), TypeError, "`patience`"),
    "stopping sometime": (
        amto_callback(stop_when="sometime"), ValueError, "`stop_when`"),
    "a negative delta": (
        amto_callback(min_delta=-1), ValueError, "`min_delta`"),
    "a delta of NaN": (
        amto_callback(min_delta=np.nan), ValueError, "`min_delta`"),
    "a delta in words": (
        amto_callback(min_delta="0"), TypeError, "`min_delta`"),
    "restoring in words": (
        amto_callback(restore_best_weights="yes"),
        TypeError, "`restore_best_weights`"),
    "a metric without a name": (
        amto_callback(selection_metric=keras.metrics.AUC),
        TypeError, "`selection_metric`"),
    "no directory": (backup(backup_dir=None), TypeError, "`backup_dir`"),
    "an empty directory name": (
        backup(backup_dir=""), ValueError, "`backup_dir`"),
    "backups at an unknown time": (
        backup(save_freq="batch"), ValueError, "`save_freq`"),
    "backups after no step": (backup(save_freq=0), ValueError, "`save_freq`"),
    "backups after half a step": (
        backup(save_freq=1.5), TypeError, "`save_freq`"),
    "keeping no backup": (backup(keep=0), ValueError, "`keep`"),
    "keeping in words": (backup(keep="2"), TypeError, "`keep`"),
    "deleting a little": (
        backup(delete_checkpoint=1), TypeError, "`delete_checkpoint`"),
}  # fmt: skip

OTHERS = {
    "an optimizer of nothing": (
        lambda _: LinearPrediction(None), TypeError, "no optimizer"),
    "an unknown optimizer": (
        lambda _: LinearPrediction("best"), ValueError, "optimizer"),
    "a prediction round loss scaling": (
        lambda _: LinearPrediction(
            keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())),
        ValueError, "LossScaleOptimizer"),
    "a broken ledger": (
        ledger(lines({}) + "{]\n" + lines({})), ValueError, "Line 2"),
    "a ledger of something else": (
        ledger('{"a": 1}\n'), ValueError, "Line 1"),
    "replaying nothing": (
        ledger("", keras_amto.ledger.replay), ValueError, "no round"),
    "replaying with an unknown decay": (
        ledger(
            lines({}),
            lambda path: keras_amto.ledger.replay(
                path, relationship_decay=2.0)),
        ValueError, "`relationship_decay`"),
}  # fmt: skip

CALLS = AMTO_MODEL | COMPILE | FIT | CALLBACKS | OTHERS


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
    model.fit(x, y, verbose=0)
    return model


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_says_what_is_wrong_and_leaves_the_model_usable(
    name, model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    call, error, message = CALLS[name]
    weights, rounds = model.get_weights(), len(model.ledger)
    with pytest.raises(error, match=message) as raised:
        call(model)
    text = str(raised.value)
    assert "Received" in text, text
    assert "Expected" in text, text
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(model.ledger) == rounds
    assert list(tmp_path.glob("*")) in ([], [tmp_path / "ledger.jsonl"])
    model.fit(x, y, steps_per_epoch=1, verbose=0)
    assert len(model.ledger) > rounds


def test_there_are_at_least_sixty_wrong_calls():
    assert len(CALLS) >= 60
