"""Fitting again and again takes no more of anything."""

import ctypes
import functools
import gc
import os
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = needs_tensorflow


def in_its_own_process(test):
    """Runs a test where nothing is left of others that it might count."""

    @functools.wraps(test)
    def started(**fixtures):
        if os.environ.get("KERAS_AMTO_TEST_ALONE"):
            return test(**fixtures)
        name = f"tests/test_resources.py::{test.__name__}"
        process = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", name],
            cwd=ROOT,
            env=os.environ | {"KERAS_AMTO_TEST_ALONE": "1"},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stdout[-5000:]

    return started


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
        # What was traced and is kept, be it without a model: a loop, say.
        "graphs": sum(
            type(each).__name__ == "FuncGraph" for each in gc.get_objects()
        ),
        "tensors": sum(
            isinstance(each, (tf.Tensor, tf.Variable))
            for each in gc.get_objects()
        ),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
    }


@in_its_own_process
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
    assert after[3]["graphs"] > 0
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


def test_a_trial_of_the_data_needs_no_graph_that_training_does_not(monkeypatch):
    from keras_amto.engines import device

    made = []

    class CountedProgram(device.Program):
        def __init__(self, steps, *args):
            made.append(len(steps))
            super().__init__(steps, *args)

    monkeypatch.setattr(device, "Program", CountedProgram)
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
    x, y = digits(100)
    model.fit(x, y, batch_size=16, steps_per_epoch=3, epochs=2, verbose=0)
    # One to train master and shadow, and one to evaluate them.
    assert made == [2, 2]


def test_states_are_values_that_share_what_is_equal():
    model = compiled(keras_amto.AMTOModel(mlp(), 4, 3, seed=0))
    x, y = digits(100)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    population = model._carried.run
    with pytest.raises(AttributeError):
        population.masters = ()
    before = [np.array(t) for t in population.masters[0].weights]
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    for a, b in zip(before, population.masters[0].weights, strict=True):
        np.testing.assert_array_equal(a, b)


class Usages(keras_amto.callbacks.RoundCallback):
    """What the process takes after some rounds."""

    def __init__(self, traces, rounds):
        super().__init__()
        self.traces, self.rounds, self.after = traces, rounds, {}
        self.megabytes = dict.fromkeys(rounds, float("inf"))

    def on_round_end(self, round, record):
        for last in self.rounds:
            # A backup that is being written takes memory in some rounds, and
            # not in all of some rounds.
            if last - 10 < round + 1 <= last:
                found = usage()  # looking takes memory too, so it comes first
                self.megabytes[last] = min(self.megabytes[last], resident())
                self.after[last] = found | {
                    "traces": self.traces.count,
                    "megabytes": self.megabytes[last],
                }


def resident():
    """The megabytes of the process that lie in memory."""
    # What was freed and glibc keeps for later depends on threads' luck.
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@in_its_own_process
def test_a_thousand_rounds_take_no_more_than_fifty(monkeypatch, tmp_path):
    model = keras_amto.AMTOModel(mlp(dropout=0.1), 2, 1, seed=0)
    compiled(model)
    x, y = digits(64)
    usages = Usages(Traces(monkeypatch), (50, 500, 1000))
    model.fit(
        x,
        y,
        batch_size=8,
        epochs=1000,
        verbose=0,
        callbacks=[
            keras_amto.AMTOCallback(patience=None, max_steps=1000),
            keras_amto.PopulationBackup(tmp_path, 10),
            usages,
        ],
    )
    assert len(model.ledger) == 1000
    first, *later = usages.after.values()
    assert first["traces"] > 0
    for each in later:
        # The ledger grows by a record a round, of some kilobytes.
        assert each.pop("megabytes") < first["megabytes"] + 16
        # A backup under way holds the networks of its round.
        assert each.pop("tensors") < first["tensors"] + 200
        assert each.items() <= first.items()
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["ledger.jsonl"]


@in_its_own_process
def test_the_gross_set_is_held_once():
    """By the user: of arrays as NumPy makes them there is no second copy."""
    import resource

    megabytes = 400
    memory = np.empty(megabytes * 2**20 + 64, np.uint8)
    start = -memory.ctypes.data % 64 + 16  # as `np.empty` often does by itself
    x = memory[start : start + megabytes * 2**20 - 64].view("float32")
    x = x[: x.size // 64 * 64].reshape(-1, 64)
    x[:] = 1.0
    y = np.arange(len(x)) % 10
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
    few = dict(batch_size=16, steps_per_epoch=6, verbose=0)
    model.fit(x[:1000].copy(), y[:1000].copy(), **few)  # what a fit takes
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.fit(
        x,
        y,
        class_weight={0: 2.0},
        validation_split=1e-5,
        **few,
    )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Positions and weights take 8 bytes a sample each, some of them twice.
    assert (after - before) / 2**10 < megabytes / 2
