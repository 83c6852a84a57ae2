"""Tests that need a process with eight devices; test_devices.py runs them."""

import itertools
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_amto
from keras_amto.engines import device as engine_device
from keras_amto.engines.device import Device
from tests.data import digits
from tests.placement import training

EIGHT = [f"CPU:{i}" for i in range(8)]


@pytest.fixture(scope="module", autouse=True)
def _eight_devices():
    # Not as the module is imported: pytest does that to look for doctests.
    training.split_cpu(8)


def mirrored(count=8):
    return tf.distribute.MirroredStrategy(EIGHT[:count])


@pytest.fixture(scope="module")
def trained():
    return training.train(training.make_model(mirrored()))


@pytest.fixture(scope="module")
def apart():
    """Masters on one device, shadows on another."""
    return training.train(training.make_model(mirrored(2)))


def variables_of(worker):
    return [
        *worker.model.variables,
        *worker.model.optimizer.variables,
        *worker.model.metrics_variables,
    ]


def test_each_workers_variables_lie_on_its_own_device(trained):
    devices = trained._carried.engine._devices
    assert len(devices) == 8
    for name, device in devices.items():
        (worker,) = device.workers
        found = {v.value.handle.device for v in variables_of(worker)}
        assert found == {name}


def test_two_workers_share_the_odd_device():
    model = training.train(training.make_model(mirrored(3)), epochs=1)
    devices = model._carried.engine._devices.values()
    assert [len(device.workers) for device in devices] == [1, 1, 2]


def test_placement_says_where_tasks_run(trained):
    placement = trained.placement
    assert placement.turns == 1
    used = [d for row in placement.tasks for d in (row.master, row.shadow)]
    assert [name[-5:] for name in used] == EIGHT
    lines = []
    trained.summary(print_fn=lambda line, **_: lines.append(line))
    assert str(placement) in lines[-1]


def test_no_jobs_are_done_at_once(trained):
    engine = trained._carried.engine
    assert engine.train([], None, 0.1, lambda done: None) == []
    assert engine.evaluate([], lambda done: None) == []


def test_data_lie_on_devices_with_a_memory_of_their_own(monkeypatch, apart):
    """Parts of the CPU, taken for accelerators: no number changes."""
    monkeypatch.setattr(engine_device, "is_accelerator", lambda name: True)
    placed = set()

    def look(*args):
        for of_set in model._carried.engine._data._tensors.values():
            for tensor in keras.tree.flatten(list(of_set.values())):
                placed.add(tensor.device[-5:])

    model = training.make_model(mirrored(2))
    watch = keras.callbacks.LambdaCallback(on_epoch_end=look)
    training.train(model, [watch])
    assert placed == {"CPU:0", "CPU:1"}
    assert training.result(model) == training.result(apart)


def test_what_is_too_large_for_a_device_stays_with_the_host(monkeypatch):
    monkeypatch.setattr(engine_device, "is_accelerator", lambda name: True)
    monkeypatch.setattr(engine_device, "_MOST_ON_ACCELERATOR", 1000)
    model = training.train(training.make_model(mirrored(2)), epochs=1)
    kinds = set()
    for device in model._carried.engine._devices.values():
        for kind, _, _, places in device._programs:
            kinds.add((kind, "CPU:1" in places))
    assert ("train", True) not in kinds
    assert {kind for kind, _ in kinds} == {"train", "evaluate"}


class Traced(keras.Model):
    """A network that notes when its steps begin and end, from in the graph."""

    steps = []  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(256, "relu")
        self.top = keras.layers.Dense(10, "softmax")

    def call(self, x):
        return self.top(self.hidden(x))

    def train_step(self, data):
        (device,) = tf.distribute.get_replica_context().devices
        begin = tf.timestamp()
        with tf.control_dependencies([begin]):
            logs = super().train_step(data)
        with tf.control_dependencies(list(logs.values())):
            end = tf.timestamp()
        tf.numpy_function(
            lambda *times: self.steps.append((device, *times)), [begin, end], []
        )
        return logs


def test_masters_and_shadows_of_different_devices_overlap_in_time():
    keras.utils.set_random_seed(0)
    Traced.steps.clear()
    model = keras_amto.AMTOModel(
        lambda: Traced(), 2, transfer_interval=300, seed=0, strategy=mirrored(4)
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = digits(600)
    with pytest.warns(UserWarning, match="no accuracy"):
        model.fit(x, y, batch_size=1, steps_per_epoch=300, verbose=0)
    steps = {}
    for device, begin, end in Traced.steps:
        steps.setdefault(device, []).append((begin, end))
    # Those of the first task make one step more, on data that are tried before
    # training.
    first = model.placement.tasks[0]
    assert {device: len(of) for device, of in steps.items()} == {
        device: 300 + (device in (first.master, first.shadow))
        for row in model.placement.tasks
        for device in (row.master, row.shadow)
    }
    # Single steps of masters and of shadows elsewhere ran at the same time: on
    # as many devices at once as there are cores.
    masters = {row.master for row in model.placement.tasks}
    overlapping = [
        (a, b)
        for one, other in itertools.product(steps, steps)
        if one in masters and other not in masters
        for a, b in itertools.product(steps[one], steps[other])
        if a[0] < b[1] and b[0] < a[1]
    ]
    assert overlapping


def test_a_model_made_in_the_scope_of_a_strategy_uses_it(apart):
    with mirrored(2).scope():
        model = training.make_model()
    assert [row.master[-5:] for row in model.placement.tasks] == ["CPU:0"] * 4
    assert [row.shadow[-5:] for row in model.placement.tasks] == ["CPU:1"] * 4
    training.train(model)
    assert training.result(model)["ledger"] == training.result(apart)["ledger"]
    x, y = digits(100)
    np.testing.assert_allclose(
        model.evaluate(x, y, verbose=0), apart.evaluate(x, y, verbose=0)
    )


@pytest.mark.parametrize("given", [True, False])
def test_fit_within_a_scope_is_fit_outside_of_it(given, apart):
    strategy = mirrored(2)
    with strategy.scope():
        model = training.make_model(strategy if given else None)
        training.train(model)
        assert tf.distribute.get_strategy() is strategy
        x, y = digits(100)
        np.testing.assert_allclose(
            model.evaluate(x, y, verbose=0), apart.evaluate(x, y, verbose=0)
        )
    assert training.result(model)["ledger"] == training.result(apart)["ledger"]


def test_an_error_within_a_scope_leaves_the_scope_as_it_was():
    strategy = mirrored(2)
    with strategy.scope():
        model = training.make_model()
        with pytest.raises(ValueError, match="`epochs`"):
            training.train(model, epochs=-1)
        assert tf.distribute.get_strategy() is strategy


def test_a_strategy_is_not_saved(trained, tmp_path):
    trained.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.placement.devices == ("/device:CPU:0",)


def test_an_ema_is_finalised_as_on_one_device():
    def run(strategy):
        model = training.make_model(strategy)
        model.compile(
            keras.optimizers.Adam(0.01, use_ema=True),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return training.result(training.train(model))

    assert run(mirrored(4)) == run(None)


class Flaky(keras.layers.Layer):
    """Fails in the graph of one device, while a switch is on."""

    broken = False

    def call(self, x, training=None):
        context = tf.distribute.get_replica_context()
        device = getattr(context, "devices", ("",))[0]
        if not (training and device.endswith("CPU:2")):
            return x

        def check(values):
            if self.broken:
                raise ValueError("broken")
            return values

        y = tf.numpy_function(check, [tf.stop_gradient(x)], x.dtype)
        with tf.control_dependencies([y]):
            return tf.identity(x)


def test_an_error_on_one_device_ends_fit_with_it():
    model = keras_amto.AMTOModel(
        lambda: keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(10, "softmax"), Flaky()]
        ),
        4,
        transfer_interval=10**6,
        seed=0,
        strategy=mirrored(4),
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
    x, y = digits(300)
    Flaky.broken = True
    with pytest.raises(tf.errors.InvalidArgumentError, match="broken"):
        model.fit(x, y, batch_size=1, epochs=20_000, verbose=0)
    Flaky.broken = False
    assert not device_threads()
    model.fit(x, y, verbose=0)  # and another one begins


def device_threads():
    return [
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("keras_amto_device")
    ]


def test_an_interruption_ends_all_devices(monkeypatch):
    model = training.make_model(mirrored(4), transfer_interval=10**6)
    train = Device.train
    begun = threading.Event()

    def noticing(*args):
        begun.set()
        return train(*args)

    def interrupting(done):
        if begun.is_set():
            raise KeyboardInterrupt

    monkeypatch.setattr(Device, "train", noticing)
    monkeypatch.setattr(
        keras_amto.fit.progress.Progress,
        "training",
        lambda self, batch, done: interrupting(done),
    )
    x, y = digits(150)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=1, epochs=50_000, verbose=0)
    assert not device_threads()
