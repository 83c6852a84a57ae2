"""Training on data of every kind, in memory or on disk."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.tasks import indexed_data
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.images import write_tree
from tests.networks import compiled
from tests.networks import mlp
from tests.tasks.sources import BATCH
from tests.tasks.sources import KINDS
from tests.tasks.sources import Batches
from tests.tasks.sources import open_files
from tests.tasks.sources import tf_dataset

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]

IN_MEMORY, ON_DISK = 2**30, 100


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    """Several parts an execution, as of data that are large."""
    monkeypatch.setattr(indexed_data, "_PART", 3 * BATCH * 264)


def fit(data, memory_limit=IN_MEMORY, model=None, callbacks=(), **settings):
    keras.utils.set_random_seed(3)
    arguments = dict(num_tasks=3, transfer_interval=5, seed=1) | settings
    model = keras_amto.AMTOModel(
        model or mlp(dropout=0.2), memory_limit=memory_limit, **arguments
    )
    compiled(model)
    x, y = data if isinstance(data, tuple) else (data, None)
    model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0,
              callbacks=list(callbacks))  # fmt: skip
    return model


def assert_same_run(one, other):
    assert len(one.ledger) == len(other.ledger) > 3
    for a, b in zip(one.tasks, other.tasks, strict=True):
        np.testing.assert_array_equal(a.train_indices, b.train_indices)
        np.testing.assert_array_equal(
            a.validation_indices, b.validation_indices
        )
    for a, b in zip(one.ledger, other.ledger, strict=True):
        np.testing.assert_array_equal(a.donors, b.donors)
        np.testing.assert_array_equal(a.master_losses, b.master_losses)
        np.testing.assert_array_equal(a.shadow_losses, b.shadow_losses)
    for a, b in zip(
        one.best_model.get_weights(),
        other.best_model.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def from_arrays():
    return fit(digits(120))


@pytest.mark.parametrize("limit", [IN_MEMORY, ON_DISK])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_the_same_from_every_kind_of_data(kind, limit, from_arrays):
    source = KINDS[kind](*digits(120))
    assert_same_run(fit(source, limit), from_arrays)


def test_that_comparison_notices_another_order(from_arrays):
    x, y = digits(120)
    order = np.random.default_rng(0).permutation(120)
    other = fit((x[order], y[order]))
    with pytest.raises(AssertionError):
        assert_same_run(other, from_arrays)


@pytest.mark.parametrize(
    "settings",
    [dict(engine="portable"), dict(num_tasks=1), dict(holdout_split=0.1),
     dict(stratify=True)],
)  # fmt: skip
def test_settings_mean_the_same_on_disk(settings):
    in_memory = fit(digits(120), **settings)
    on_disk = fit(tf_dataset(*digits(120)), ON_DISK, **settings)
    assert_same_run(in_memory, on_disk)
    assert in_memory.best_task == on_disk.best_task


def test_class_weights_and_validation_data_mean_the_same_on_disk():
    x, y = digits(160)

    def run(limit):
        keras.utils.set_random_seed(0)
        model = compiled(keras_amto.AMTOModel(
            mlp(), 2, 5, seed=1, memory_limit=limit
        ))  # fmt: skip
        history = model.fit(
            tf_dataset(x[:120], y[:120]), epochs=2, verbose=0,
            class_weight={3: 5.0}, validation_data=tf_dataset(x[120:], y[120:]),
        )  # fmt: skip
        return history.history, model.finalists

    (in_memory, table), (on_disk, other) = run(IN_MEMORY), run(ON_DISK)
    assert in_memory == on_disk
    assert table.criterion == other.criterion == "clean"
    np.testing.assert_array_equal(table.clean_losses, other.clean_losses)


@pytest.mark.parametrize("limit", [IN_MEMORY, ON_DISK])
def test_a_fit_reads_each_batch_once(limit):
    source = Batches(*digits(120))
    fit(source, limit, num_tasks=4)
    assert source.reads == list(range(len(source)))


class Stop(keras_amto.callbacks.RoundCallback):
    def on_round_end(self, number, record):
        if number == 2:
            self.model.stop_training = True


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 7:
            raise KeyboardInterrupt


class Look(keras.callbacks.Callback):
    def __init__(self, directory):
        super().__init__()
        self.directory = directory
        self.found = 0

    def on_train_batch_end(self, batch, logs=None):
        self.found = open_files(self.directory)
        assert list(self.directory.iterdir()) == []


@pytest.mark.parametrize("how", ["whole", "stopped", "interrupted"])
def test_files_are_gone_however_training_ends(tmp_path, how):
    ends = {"whole": [], "stopped": [Stop()], "interrupted": [Interrupt()]}
    look = Look(tmp_path)
    source = tf_dataset(*digits(120))
    validation = tf_dataset(*digits(40))

    def train():
        model = compiled(keras_amto.AMTOModel(
            mlp(), 3, 5, memory_limit=ON_DISK, cache_dir=tmp_path
        ))  # fmt: skip
        model.fit(source, validation_data=validation, epochs=2, verbose=0,
                  callbacks=[look, *ends[how]])  # fmt: skip

    if how == "interrupted":
        with pytest.raises(KeyboardInterrupt) as raised:
            train()
        assert raised.tb  # which holds all that `fit` held
    else:
        train()
    assert look.found == 4
    assert open_files(tmp_path) == 0


def test_files_are_gone_where_data_are_refused(tmp_path):
    x, y = digits(120)
    for labels, settings in ((y + 5, {}), (y, dict(validation_split=0.999))):
        with pytest.raises(ValueError, match=r"Expected:") as raised:
            fit(tf_dataset(x, labels), ON_DISK, cache_dir=tmp_path, **settings)
        assert open_files(tmp_path) == 0
        assert raised.tb


def test_the_directory_is_saved_and_may_be_gone_later(tmp_path):
    directory = tmp_path / "cache"
    directory.mkdir()
    model = compiled(keras_amto.AMTOModel(mlp(), cache_dir=directory))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config()["cache_dir"] == str(directory)
    directory.rmdir()
    with pytest.warns(UserWarning, match="`cache_dir` of the saved model"):
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config()["cache_dir"] is None


def test_a_directory_that_cannot_be_written_to_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="cannot be written to") as raised:
        keras_amto.AMTOModel(mlp(), cache_dir=tmp_path)
    assert str(tmp_path) in str(raised.value)


KILLED = """
import sys, time
import keras, keras_amto
from tests.data import digits
from tests.networks import compiled, mlp
from tests.tasks.sources import Batches, open_files

class Wait(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print(open_files(sys.argv[1]), flush=True)
        time.sleep(600)

model = compiled(keras_amto.AMTOModel(
    mlp(), 2, 5, memory_limit=100, cache_dir=sys.argv[1]
))
model.fit(Batches(*digits(120)), verbose=0, callbacks=[Wait()])
"""


def test_files_are_gone_when_the_process_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "2\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limits", [(ON_DISK, ON_DISK), (IN_MEMORY, ON_DISK)])
def test_a_run_on_disk_is_resumed_in_the_midst_of_a_round(tmp_path, limits):
    first, then = limits
    source = tf_dataset(*digits(120))
    whole = fit(source)
    directory, cache = tmp_path / "backup", tmp_path / "cache"
    cache.mkdir()
    backup = keras_amto.PopulationBackup(directory, save_freq=3)
    with pytest.raises(KeyboardInterrupt):
        fit(source, first, callbacks=[backup, Interrupt()])
    backup = keras_amto.PopulationBackup(directory, save_freq=3)
    continued = fit(source, then, callbacks=[backup], cache_dir=cache)
    assert_same_run(continued, whole)


def test_other_data_on_disk_do_not_continue_a_backup(tmp_path):
    x, y = digits(120)
    with pytest.raises(KeyboardInterrupt):
        fit(tf_dataset(x, y), ON_DISK, callbacks=[
            keras_amto.PopulationBackup(tmp_path, save_freq=3), Interrupt()
        ])  # fmt: skip
    x[7, 3] += 1
    with pytest.raises(ValueError, match="another `data`"):
        fit(tf_dataset(x, y), ON_DISK, callbacks=[
            keras_amto.PopulationBackup(tmp_path, save_freq=3)
        ])  # fmt: skip


# What is refused before any step


def refused(source, message, limit=ON_DISK):
    """Fits, and checks that no step was made before the error."""
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    with pytest.raises(ValueError, match=message) as raised:
        fit(source, limit, callbacks=[Watch()])
    assert not seen
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("limit", [IN_MEMORY, ON_DISK])
def test_labels_outside_of_the_classes_are_refused(limit):
    x, y = digits(120)
    y[57] = 10
    message = r"label 10 of sample 57, .*integers from 0 to 9"
    refused(tf_dataset(x, y), message, limit)
    y[57] = -1
    refused((x, y), "label -1 of sample 57", limit)


def test_labels_that_the_loss_ignores_are_not_refused():
    x, y = digits(120)
    y[57] = -1
    model = keras_amto.AMTOModel(mlp(), 2, 5)
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    )
    with pytest.warns(UserWarning, match="no accuracy"):
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize("limit", [1, IN_MEMORY])
@pytest.mark.parametrize("ours", [True, False])
def test_a_corrupt_image_is_named(tmp_path, limit, ours):
    root = write_tree(tmp_path / "tree", {"a": 20, "b": 20})
    damaged = root / "b" / "00011.jpg"
    damaged.write_bytes(damaged.read_bytes()[:200])
    if ours:
        source = keras_amto.datasets.load_folder(
            root, 12, test_split=0, batch_size=4
        ).train
    else:
        source = keras.utils.image_dataset_from_directory(
            root, image_size=(12, 12), batch_size=4, verbose=False
        )
    refused(source, f"{damaged}' cannot be decoded", limit)


def test_a_folder_of_keras_is_read_as_it_is(tmp_path):
    root = write_tree(tmp_path / "tree", {"a": 20, "b": 20})
    source = keras.utils.image_dataset_from_directory(
        root, image_size=(12, 12), batch_size=4, verbose=False
    )
    network = keras.Sequential([
        keras.Input((12, 12, 3)), keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(), keras.layers.Dense(2, "softmax"),
    ])  # fmt: skip
    model = fit(source, ON_DISK, network)
    assert model.evaluate(source, verbose=0)[1] == 1


MEASURE = """
import resource, sys
import numpy as np, keras, keras_amto
root, limit = sys.argv[1], int(sys.argv[2])
network = keras.Sequential([
    keras.Input((96, 96, 3)), keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D(8, 5, strides=4, activation='relu'),
    keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, 'softmax'),
])
def run(data, **arguments):
    model = keras_amto.AMTOModel(
        network, 4, 50, seed=0, memory_limit=limit
    )
    loss = 'sparse_categorical_crossentropy'
    model.compile('sgd', loss, metrics=['accuracy'])
    model.fit(data, verbose=0, **arguments)
    return model
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
sets = keras_amto.datasets.load_folder(root, 96, test_split=0, batch_size=32)
run(sets.train.take(20), steps_per_epoch=5, epochs=1)  # the model's own
before = peak()
model = run(sets.train, steps_per_epoch=150, epochs=1)
print(len(model.ledger), peak() - before)
"""


@pytest.mark.slow
def test_20000_files_on_disk_stay_within_400_mb(tmp_path):
    # In memory they would take 553 MB.
    counts = dict.fromkeys("abcd", 5000)
    root = write_tree(tmp_path / "tree", counts, side=64)
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, str(root), str(100 * 2**20)],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    rounds, megabytes = process.stdout.split()
    assert int(rounds) == 3
    assert "written to disk" in process.stderr
    assert float(megabytes) < 400
