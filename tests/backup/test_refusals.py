"""What cannot be continued is refused, naming what differs."""

import os

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.callbacks import stock
from keras_amto.fit.fingerprint import described
from tests.backup.test_resumption import KillAt
from tests.backup.test_resumption import Killed
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = pytest.mark.usefixtures("engines_once")

COMPILED = {
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
    "auto_scale_loss",
    "jit_compile",
    "run_eagerly",
    "steps_per_execution",
    "optimizer",
}
FITTED = {
    "batch_size",
    "class_weight",
    "initial_epoch",
    "sample_weight",
    "shuffle",
    "steps_per_epoch",
    "validation_batch_size",
    "validation_data",
    "validation_freq",
    "validation_steps",
}


def top(k=3, name="top"):
    return keras.metrics.SparseTopKCategoricalAccuracy(k, name=name)


def fit(directory, kill=None, network=None, data=None, extra=(), stop=None,
        split=0.0, **given):  # fmt: skip
    keras.utils.set_random_seed(0)
    compiling = {
        "loss": keras.losses.SparseCategoricalCrossentropy(),
        "metrics": ["accuracy", top()],
        "optimizer": keras.optimizers.SGD(0.1),
    } | {name: given.pop(name) for name in COMPILED & set(given)}
    fitting = {
        "batch_size": 16,
        "validation_data": digits(30),
        "validation_batch_size": 10,
    } | {name: given.pop(name) for name in FITTED & set(given)}
    settings = {"num_tasks": 2, "transfer_interval": 3, "seed": 0} | given
    model = keras_amto.AMTOModel(network or mlp(), **settings)
    compiled(model, **compiling)
    x, y = data or digits(100)
    callbacks = [
        keras_amto.PopulationBackup(directory),
        stop or keras_amto.AMTOCallback(patience=8),
        *extra,
    ]
    if kill:
        callbacks.append(kill)
    model.fit(x, y, epochs=3, verbose=0, callbacks=callbacks,
              validation_split=split, **fitting)  # fmt: skip
    return model


@pytest.fixture(scope="module")
def backup(tmp_path_factory):
    directory = tmp_path_factory.mktemp("refusals")
    with pytest.raises(Killed):
        fit(directory, KillAt(step=8))
    return directory


LOSS = keras.losses.SparseCategoricalCrossentropy
Stop = keras_amto.AMTOCallback


class Other(Stop):
    """Stops as its kind does, and may do anything else."""


def not_all_decay():
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def scaled_loss(y, p):
    return 2 * keras.ops.sparse_categorical_crossentropy(y, p)


def other_data():
    x, y = digits(100)
    x[3, 5] += 1e-3
    return x, y


def shortcut(begin):
    hidden = [keras.Input((4,))]
    for _ in range(3):
        hidden.append(keras.layers.Dense(4)(hidden[-1]))
    outputs = keras.layers.Add()([hidden[begin], hidden[-1]])
    return keras.Model(hidden[0], outputs)


def test_models_that_differ_in_wiring_alone_are_different():
    """However often a process has made such layers, and numbered them."""
    assert described(shortcut(1)) == described(shortcut(1))
    assert described(shortcut(1)) != described(shortcut(2))


def test_models_that_differ_in_precision_alone_are_different():
    full, mixed = (mlp_of(policy) for policy in ("float32", "mixed_float16"))
    assert described(full) != described(mixed)


def mlp_of(policy):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4, dtype=policy)(inputs))


@needs_tensorflow
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"network": lambda: mlp(units=17)}, "model"),
        ({"num_tasks": 3}, "num_tasks"),
        ({"transfer_interval": 4}, "transfer_interval"),
        ({"validation_split": 0.2}, "validation_split"),
        ({"holdout_split": 0.2}, "holdout_split"),
        ({"selection": "uniform"}, "selection"),
        ({"stratify": True}, "stratify"),
        ({"transfer": "merge"}, "transfer"),
        ({"acceptance": "holdout"}, "acceptance"),
        ({"seed": 1}, "seed"),
        (
            {"splits": [(range(90), range(90, 100)), (range(50), [99])]},
            "splits",
        ),
        ({"relationship_decay": 0.8}, "relationship_decay"),
        ({"optimizer": lambda: keras.optimizers.Adam()}, "optimizer"),
        ({"optimizer": lambda: keras.optimizers.SGD(0.2)}, "optimizer"),
        ({"optimizer": lambda: not_all_decay()}, "exclude_from_weight_decay"),
        ({"batch_size": 8}, "batch_size"),
        ({"data": lambda: digits(90)}, "data_size"),
        ({"data": other_data}, "data"),
        ({"class_weight": {0: 2.0}}, "data"),
        ({"sample_weight": lambda: np.linspace(0.5, 1.5, 100)}, "data"),
        ({"loss": lambda: LOSS(ignore_class=3)}, "loss"),
        ({"loss": "sparse_categorical_crossentropy"}, "loss"),
        ({"loss": lambda: scaled_loss}, "loss"),
        ({"loss_weights": [0.5]}, "loss_weights"),
        ({"metrics": ["accuracy"]}, "metrics"),
        ({"metrics": lambda: ["accuracy", top(k=2)]}, "metrics"),
        ({"metrics": lambda: ["accuracy", top(name="high")]}, "metrics"),
        ({"weighted_metrics": ["accuracy"]}, "weighted_metrics"),
        ({"auto_scale_loss": False}, "auto_scale_loss"),
        ({"jit_compile": False}, "jit_compile"),
        ({"run_eagerly": True}, "run_eagerly"),
        ({"steps_per_execution": 2}, "steps_per_execution"),
        ({"engine": "portable"}, "engine"),
        ({"stop": lambda: Stop(patience=9)}, "patience"),
        ({"stop": lambda: Stop(8, stop_when="all")}, "stop_when"),
        ({"stop": lambda: Stop(8, min_delta=0.1)}, "min_delta"),
        (
            {"stop": lambda: Stop(8, restore_best_weights=False)},
            "restore_best_weights",
        ),
        (
            {"stop": lambda: Stop(8, selection_metric="top")},
            "selection_metric",
        ),
        ({"stop": lambda: Stop(8, answer="average")}, "answer"),
        ({"stop": lambda: Stop(8, average_from=0.5)}, "average_from"),
        ({"stop": lambda: Other(patience=8)}, "callback"),
        ({"steps_per_epoch": 3}, "steps_per_epoch"),
        ({"initial_epoch": 1}, "initial_epoch"),
        ({"shuffle": False}, "shuffle"),
        ({"split": 0.3}, "validation_split"),
        ({"validation_data": None}, "validation_steps"),
        ({"validation_data": lambda: digits(29)}, "validation_data"),
        ({"validation_batch_size": 9}, "validation_batch_size"),
        ({"validation_steps": 2}, "validation_steps"),
        ({"validation_freq": 2}, "validation_freq"),
    ],
)
def test_another_run_is_refused(backup, change, field):
    change = {k: v() if callable(v) else v for k, v in change.items()}
    with pytest.raises(ValueError, match=f"another `{field}`") as raised:
        fit(backup, **change)
    text = str(raised.value)
    assert f"Received: {field}=" in text
    assert f"Expected: {field}=" in text
    assert "to start again" in text
    assert len(list(backup.glob("*.backup"))) == 2  # nothing overwritten


@needs_tensorflow
def test_what_has_no_configuration_is_known_by_its_name(tmp_path):
    """Made anew, as by another process."""

    def train(*callbacks):
        def count(y, p):
            return keras.ops.ones_like(y)

        fit(tmp_path, *callbacks, loss=lambda y, p: scaled_loss(y, p),
            metrics=["accuracy", count])  # fmt: skip

    with pytest.raises(Killed):
        train(KillAt(step=8))
    train()


@needs_tensorflow
def test_other_callbacks_with_a_state_are_refused(backup):
    with pytest.raises(ValueError, match="other callbacks"):
        fit(backup, extra=[keras.callbacks.EarlyStopping("loss")])


@needs_tensorflow
def test_two_backups_for_one_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one PopulationBackup at most"):
        fit(tmp_path, extra=[keras_amto.PopulationBackup(tmp_path)])


@needs_tensorflow
@pytest.mark.parametrize("what", ["full", "deleted", "read-only"])
def test_a_disk_that_fails_is_an_error_and_training_state_is_kept(
    tmp_path, monkeypatch, what
):
    import shutil

    keras.utils.set_random_seed(0)
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
    x, y = digits(100)
    directory = tmp_path / "backup"

    class Break(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            if round == 2 and what == "deleted":
                shutil.rmtree(directory)
            if round == 2 and what == "full":

                def full(*args):
                    raise OSError(28, "No space left on device")

                monkeypatch.setattr(os, "write", full)
            if round == 2 and what == "read-only":

                def read_only(*args):
                    raise OSError(30, "Read-only file system")

                monkeypatch.setattr(os, "open", read_only)

    with pytest.raises(OSError, match=r"Cannot|No space|No such"):
        model.fit(x, y, batch_size=16, epochs=5, verbose=0, callbacks=[
            keras_amto.PopulationBackup(directory), Break()])  # fmt: skip
    monkeypatch.undo()
    assert len(model.ledger) >= 3
    assert np.isfinite(model.get_task_weights(0)[0]).all()
    model.fit(x, y, verbose=0)


def is_read_only(directory):
    try:
        os.mkdir(os.path.join(directory, "keras_amto"))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    os.rmdir(os.path.join(directory, "keras_amto"))
    return False


@needs_tensorflow
@pytest.mark.skipif(
    not is_read_only("/sys"), reason="no directory is read-only to this user"
)
def test_a_read_only_directory_is_refused_before_the_first_step():
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
    x, y = digits(100)
    backup = keras_amto.PopulationBackup("/sys/keras_amto")
    with pytest.raises(OSError, match="Cannot use the directory") as raised:
        model.fit(x, y, verbose=0, callbacks=[backup])
    assert "Received: backup_dir=" in str(raised.value)
    assert len(model.ledger) == 0
    model.fit(x, y, verbose=0)


def test_what_stock_callbacks_keep_is_where_it_was():
    made = {
        keras.callbacks.EarlyStopping: keras.callbacks.EarlyStopping(),
        keras.callbacks.History: keras.callbacks.History(),
        keras.callbacks.ReduceLROnPlateau: keras.callbacks.ReduceLROnPlateau(),
        keras.callbacks.ModelCheckpoint: keras.callbacks.ModelCheckpoint(
            "x.keras", save_freq=3
        ),
    }
    for kind, names in stock._KEPT.items():
        callback = made[kind]
        callback.set_model(keras.Sequential())
        if kind is not keras.callbacks.ModelCheckpoint:
            callback.on_train_begin()
        for name in names:
            assert hasattr(callback, name), (kind, name)
