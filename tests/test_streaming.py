"""Training on sources of every kind, held or streamed."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.images import write_tree
from tests.networks import compiled
from tests.networks import mlp
from tests.tasks.sources import BATCH
from tests.tasks.sources import KINDS
from tests.tasks.sources import Batches
from tests.tasks.sources import tf_dataset

pytestmark = needs_tensorflow

HELD, STREAMED, IN_FILES = 2**30, 20_000, 100


def fit(data, memory_limit=HELD, model=None, callbacks=(), **settings):
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
        np.testing.assert_allclose(a.master_losses, b.master_losses, atol=1e-5)
        np.testing.assert_allclose(a.shadow_losses, b.shadow_losses, atol=1e-5)
    for a, b in zip(
        one.best_model.get_weights(),
        other.best_model.get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.fixture(scope="module")
def from_arrays():
    return fit(digits(120))


@pytest.mark.parametrize("limit", [HELD, STREAMED, IN_FILES])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_the_same_from_every_kind_of_source(kind, limit, from_arrays):
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
def test_settings_mean_the_same_for_a_stream(settings):
    held = fit(digits(120), **settings)
    streamed = fit(tf_dataset(*digits(120)), STREAMED, **settings)
    np.testing.assert_allclose(
        [record.master_losses for record in held.ledger],
        [record.master_losses for record in streamed.ledger],
        atol=1e-5,
    )
    assert held.best_task == streamed.best_task


def test_weights_of_classes_and_validation_data_are_streamed_as_well():
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

    (held, table), (streamed, other) = run(HELD), run(IN_FILES)
    assert held.keys() == streamed.keys()
    for name in held:
        np.testing.assert_allclose(held[name], streamed[name], atol=1e-5)
    assert table.criterion == other.criterion == "clean"
    np.testing.assert_allclose(
        table.clean_losses, other.clean_losses, atol=1e-5
    )


def test_all_tasks_cost_one_read_a_round():
    source = Batches(*digits(120))
    model = fit(source, STREAMED, num_tasks=4)
    once = len(source)
    assert len(source.reads) <= once * (1 + len(model.ledger))
    assert max(np.bincount(source.reads)) <= 1 + len(model.ledger)


class Stop(keras_amto.callbacks.RoundCallback):
    def on_round_end(self, number, record):
        if number == 2:
            self.model.stop_training = True


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 7:
            raise KeyboardInterrupt


def test_nothing_is_left_behind_however_training_ends():
    import threading

    before = threading.active_count()
    fit(tf_dataset(*digits(120)), STREAMED, callbacks=[Stop()])
    assert threading.active_count() == before
    with pytest.raises(KeyboardInterrupt):
        fit(tf_dataset(*digits(120)), IN_FILES, callbacks=[Interrupt()])
    assert threading.active_count() == before


@pytest.mark.parametrize("limits", [(IN_FILES, IN_FILES), (HELD, STREAMED)])
def test_a_stream_is_resumed_in_the_midst_of_a_round(tmp_path, limits):
    first, then = limits
    source = tf_dataset(*digits(120))
    whole = fit(source)
    backup = keras_amto.PopulationBackup(tmp_path, save_freq=3)
    with pytest.raises(KeyboardInterrupt):
        fit(source, first, callbacks=[backup, Interrupt()])
    backup = keras_amto.PopulationBackup(tmp_path, save_freq=3)
    assert_same_run(fit(source, then, callbacks=[backup]), whole)


def test_another_stream_does_not_continue_a_backup(tmp_path):
    x, y = digits(120)
    with pytest.raises(KeyboardInterrupt):
        fit(tf_dataset(x, y), STREAMED, callbacks=[
            keras_amto.PopulationBackup(tmp_path, save_freq=3), Interrupt()
        ])  # fmt: skip
    x[7, 3] += 1
    with pytest.raises(ValueError, match="another `data`"):
        fit(tf_dataset(x, y), STREAMED, callbacks=[
            keras_amto.PopulationBackup(tmp_path, save_freq=3)
        ])  # fmt: skip


# What is refused before any step


def refused(source, message, limit=STREAMED):
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


def test_a_source_that_reshuffles_is_refused_before_any_step():
    import tensorflow as tf

    x, y = digits(120)
    slices = tf.data.Dataset.from_tensor_slices((x, y))
    refused(slices.shuffle(120).batch(BATCH), "not the same in every pass")
    refused(Batches(x, y, shuffle=True), "not the same in every pass")


@pytest.mark.parametrize("limit", [HELD, STREAMED])
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


@pytest.mark.parametrize("limit", [1, HELD])
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


def test_a_folder_of_keras_is_streamed_as_it_is(tmp_path):
    root = write_tree(tmp_path / "tree", {"a": 20, "b": 20})
    source = keras.utils.image_dataset_from_directory(
        root, image_size=(12, 12), batch_size=4, shuffle=False, verbose=False
    )
    network = keras.Sequential([
        keras.Input((12, 12, 3)), keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(), keras.layers.Dense(2, "softmax"),
    ])  # fmt: skip
    model = fit(source, IN_FILES, network)
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
def test_a_stream_of_20000_files_stays_within_400_mb(tmp_path):
    # In memory they would take 553 MB, those of a round 150 MB.
    counts = dict.fromkeys("abcd", 5000)
    root = write_tree(tmp_path / "tree", counts, side=64)
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, str(root), str(100 * 2**20)],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    rounds, megabytes = process.stdout.split()
    assert int(rounds) == 3
    assert "streamed" in process.stderr
    assert float(megabytes) < 400
