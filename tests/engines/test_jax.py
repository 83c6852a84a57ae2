"""What is particular to the engine of the JAX backend."""

import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.engines import TrainingJob
from keras_amto.engines import jax_feed
from keras_amto.engines.jax_rows import Rows
from keras_amto.engines.vectorizing import manner
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import read_data
from tests.conftest import ROOT
from tests.conftest import needs_jax
from tests.data import digit_images
from tests.data import digits
from tests.networks import cnn
from tests.networks import compiled
from tests.networks import mlp
from tests.networks import sampler

pytestmark = needs_jax


def make(network=None, num_tasks=2, **settings):
    model = keras_amto.AMTOModel(
        network or mlp(), num_tasks, transfer_interval=4, seed=5, **settings
    )
    return compiled(model)


def fit(model, size=100, **kwargs):
    x, y = digits(size)
    return model.fit(x, y, **(dict(batch_size=16, verbose=0) | kwargs))


def crew(model):
    return model._carried.engine._crew


def compilations(function):
    """How many programs a call compiles."""
    import jax

    events = []

    def listen(event, duration, **kwargs):
        if "backend_compile" in event:
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        function()
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return len(events)


@pytest.mark.parametrize("vectorize", [False, True])
def test_the_third_fit_compiles_nothing(vectorize):
    model = make(vectorize=vectorize)
    assert compilations(lambda: fit(model, epochs=2)) > 0
    fit(model, epochs=2)
    assert compilations(lambda: fit(model, epochs=2)) == 0


def test_replicas_never_change_and_outlive_what_keras_does_with_its_own():
    model = make()
    fit(model)
    masters = model._carried.run.masters
    before = [[np.array(w) for w in master.weights] for master in masters]
    x, y = digits(40)
    model.evaluate(x, y, verbose=0)  # Keras gives away the arrays it holds
    model.best_model.fit(x, y, verbose=0)
    for master, weights in zip(masters, before, strict=True):
        for a, b in zip(master.weights, weights, strict=True):
            np.testing.assert_array_equal(np.asarray(a), b)
    fit(model)


def test_data_on_disk_train_to_the_same_bits(tmp_path):
    import tensorflow as tf

    x, y = digits(100)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    results = []
    for limit in (1, 2**30):
        keras.utils.set_random_seed(0)
        model = make(memory_limit=limit, cache_dir=str(tmp_path))
        model.fit(data, epochs=2, verbose=0)
        results.append(model)
    one, other = results
    assert one.ledger == other.ledger
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_too_large_for_an_accelerator_trains_to_the_same_bits(
    monkeypatch,
):
    """A part of the CPU, taken for an accelerator with little memory."""
    x, y = digits(100)
    monkeypatch.setattr(Rows, "is_on_accelerator", True)
    results = []
    for limit in (2**30, 1):
        monkeypatch.setattr(jax_feed, "_MOST_ON_ACCELERATOR", limit)
        keras.utils.set_random_seed(0)
        model = make()
        kept = []
        look = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_, model=model, kept=kept: kept.append(
                len(crew(model)._all.feed._there)
            )
        )
        model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[look])
        assert all(kept) == (limit > 1)
        results.append(model)
    one, other = results
    assert one.ledger == other.ledger
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("vectorize", "at_once"), [("auto", 1), (False, 1), (True, 4)]
)
def test_convolutions_are_vectorised_only_where_somebody_says_so(
    vectorize, at_once
):
    x, y = digit_images(60, 8, 1)
    model = make(cnn(), vectorize=vectorize)
    model.fit(x, y, batch_size=16, verbose=0)
    assert crew(model)._all.rows.size == at_once


@pytest.mark.parametrize(
    ("convolves", "vectorize", "platform", "vectorizes"),
    [
        (False, "auto", "cpu", False),
        (False, "auto", "gpu", True),
        (True, "auto", "gpu", False),
        (True, True, "cpu", True),
        (False, False, "gpu", False),
    ],
)
def test_small_dense_networks_are_vectorised_on_accelerators(
    convolves, vectorize, platform, vectorizes
):
    how = manner(mlp(), convolves, vectorize, platform)
    assert how.vectorizes == vectorizes
    assert how.together == (not convolves)
    assert how.loops == (platform == "gpu" or not convolves)


@keras.saving.register_keras_serializable(package="tests")
class OnTheHost(keras.layers.Layer):
    """Calls back to Python, for one network at a time."""

    def call(self, inputs):
        import jax

        @jax.custom_jvp
        def doubled(x):
            return jax.pure_callback(
                lambda x: 2 * np.asarray(x), jax.typeof(x), x
            )

        @doubled.defjvp
        def _(primals, tangents):
            return doubled(*primals), 2 * tangents[0]

        return doubled(inputs)


def host_network():
    return keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(10), OnTheHost(),
         keras.layers.Softmax()]
    )  # fmt: skip


def test_what_cannot_be_vectorised_trains_one_by_one_with_a_warning():
    model = make(host_network(), vectorize=True)
    with pytest.warns(UserWarning, match=r"cannot be vectorised[\s\S]*vmap"):
        fit(model)
    assert not crew(model)._all.vectorizes
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The network cannot be")
        fit(model)
    quiet = make(host_network(), vectorize=False)
    fit(quiet)


def test_evaluation_leaves_nothing_behind():
    model = make(sampler())
    x, y = digits(60)
    fit(model, 60)
    engine = model._carried.engine
    from keras_amto.engines import EvaluationJob
    from keras_amto.tasks import EvaluationSet
    from keras_amto.tasks import IndexedData
    from keras_amto.tasks import in_order

    samples = EvaluationSet(IndexedData(x, y), in_order(np.arange(60), 16), 3)
    jobs = [EvaluationJob(0, (m,), samples) for m in model._carried.run.masters]
    first = engine.evaluate(jobs, lambda done: None)
    assert engine.evaluate(jobs, lambda done: None) == first
    # Alone or beside others.
    (alone,) = engine.evaluate(jobs[:1], lambda done: None)
    assert alone[0]["loss"] == pytest.approx(first[0][0]["loss"], rel=1e-5)


class Refuses(keras.layers.Layer):
    """Holds a layer that JAX cannot compile."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(10, "softmax")
        self.dense.supports_jit = False

    def call(self, inputs):
        return self.dense(inputs)


def test_a_network_that_cannot_be_compiled_has_the_plain_engine():
    model = make()
    for arguments in (dict(run_eagerly=True), dict(jit_compile=False)):
        compiled(model, **arguments)
        assert model._carried.engine_name == "portable"
    compiled(model)
    assert model._carried.engine_name == "jax"
    inside = make(keras.Sequential([keras.Input((64,)), Refuses()]))
    assert inside._carried.engine_name == "portable"
    model = keras_amto.AMTOModel(mlp(), 2, engine="jax")
    with pytest.raises(ValueError, match=r"engine='jax'[\s\S]*Received"):
        compiled(model, run_eagerly=True)


def test_vectorising_is_refused_where_the_plain_engine_trains():
    model = keras_amto.AMTOModel(mlp(), 2, engine="portable", vectorize=True)
    with pytest.raises(ValueError, match=r"vectorize=True[\s\S]*Expected"):
        compiled(model)


def test_a_distribution_of_one_network_is_refused_by_name():
    model = make()
    mesh = keras.distribution.DeviceMesh(
        (1,), ["batch"], keras.distribution.list_devices()[:1]
    )
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(device_mesh=mesh)
    )
    try:
        with pytest.raises(ValueError, match="set_distribution"):
            fit(model)
    finally:
        keras.distribution.set_distribution(before)


def test_progress_is_reported_while_steps_are_made(monkeypatch):
    from keras_amto.engines import jax_program

    monkeypatch.setattr(jax_program, "_SECONDS", 0)  # of a call, at most
    model = make()
    fit(model, epochs=1)
    engine, run = model._carried.engine, model._carried.run
    data, _ = read_data(*digits(100))
    jobs = [
        TrainingJob(
            task,
            (run.masters[task], run.masters[task]),
            run.task_states[task],
            TrainingBatches(np.arange(100), 16, task, 0).window(0, 6),
        )
        for task in (0, 1)
    ]
    seen = []
    engine.train(jobs, data, 0.1, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 12  # of both tasks
    assert len(set(seen)) >= 6


def test_a_lack_of_memory_says_what_would_fit(monkeypatch):
    model = make(vectorize=True)
    fit(model)
    population = crew(model)._all

    def fail(*args):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory.\nmore")

    monkeypatch.setattr(population, "_train", fail)
    with pytest.raises(MemoryError, match=r"4 replicas[\s\S]*vectorize=False"):
        fit(model)


# Keras' own export from JAX.
@pytest.mark.filterwarnings("ignore:The `native_serialization`")
def test_the_winner_is_exported_as_a_saved_model(tmp_path):
    import tensorflow as tf

    model = make()
    fit(model)
    x, _ = digits(5)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(
        served.serve(x), model.predict(x, verbose=0), rtol=1e-4, atol=1e-6
    )


def test_what_needs_eight_devices_holds():
    """Runs the tests of that file in a process that has eight."""
    flag = "--xla_force_host_platform_device_count=8"
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/engines/on_eight_jax_devices.py"],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": flag},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
