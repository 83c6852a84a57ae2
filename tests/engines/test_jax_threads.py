"""Replicas in threads of their own, on the cores of a CPU."""

import threading

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_jax
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp
from tests.networks import sampler

pytestmark = needs_jax

if keras.config.backend() == "jax":
    import jax

    from keras_amto.engines import jax_program
    from keras_amto.engines.jax_threads import Threads
    from keras_amto.engines.jax_threads import cores
    from keras_amto.engines.jax_threads import number_of_groups


def fit(network, num_tasks=3):
    keras.utils.set_random_seed(0)
    model = compiled(
        keras_amto.AMTOModel(network(), num_tasks, transfer_interval=4, seed=5)
    )
    x, y = digits(100)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    return model


def threads(model):
    """How many threads trained."""
    found = model._carried.engine._crew._alone._train._threads
    return 1 if found is None else len(found._firsts)


@pytest.mark.parametrize("make", [mlp, sampler])
def test_the_number_of_cores_changes_no_bit(make, monkeypatch):
    results = []
    for available, expected in ((1, 1), (2, 2), (4, 3), (16, 6)):
        monkeypatch.setattr(jax_program, "cores", lambda n=available: n)
        model = fit(make)
        assert threads(model) == expected
        weights = [np.asarray(w).tobytes() for w in model.get_weights()]
        results.append((repr(model.ledger), weights))
    assert all(each == results[0] for each in results)


@pytest.mark.parametrize(
    ("rows", "most", "groups"),
    [(8, 2, 2), (8, 3, 2), (6, 4, 3), (2, 64, 2), (6, 1, 1), (1, 8, 1)],
)
def test_groups_are_of_one_size(rows, most, groups):
    assert number_of_groups(rows, most) == groups


def test_there_is_a_core():
    assert cores() >= 1


def test_steps_are_traced_in_the_thread_that_trains(monkeypatch):
    """Only there is known what the user traces under."""
    seen = set()

    class Watched(keras.layers.Layer):
        def call(self, x):
            seen.add(threading.current_thread())
            return x

    monkeypatch.setattr(jax_program, "cores", lambda: 2)

    def network():
        inputs = keras.Input((64,))
        x = Watched()(inputs)
        return keras.Model(
            inputs, keras.layers.Dense(10, activation="softmax")(x)
        )

    assert threads(fit(network)) == 2
    assert seen == {threading.main_thread()}


def test_all_groups_work_at_the_same_time():
    meeting = threading.Barrier(2, timeout=60)

    def wait(_):
        meeting.wait()  # nobody comes here alone
        return np.float32(1)

    def function(count, changing, fixed, batches, first):
        like = jax.ShapeDtypeStruct((), "float32")
        return changing + jax.pure_callback(wait, like, first), first + batches

    run = Threads(function, groups=2, rows=4, donates=False)
    given = np.arange(4, dtype="float32")
    changed, firsts = run(
        1, run.split(given), run.split(given), np.zeros((), "int32")
    )
    np.testing.assert_array_equal(run.join(changed), given + 1)
    assert [int(each) for each in firsts] == [0, 2]


def test_what_fails_in_a_thread_is_raised():
    def fail(first):
        if first:
            raise RuntimeError("the second group")
        return np.float32(0)

    def function(count, changing, fixed, batches, first):
        like = jax.ShapeDtypeStruct((), "float32")
        return (changing + jax.pure_callback(fail, like, first),)

    run = Threads(function, groups=2, rows=2, donates=False)
    given = run.split(np.zeros(2, "float32"))
    with pytest.raises(RuntimeError, match="the second group"):
        run(1, given, given, np.zeros(()))


def test_rows_without_arrays_are_split():
    run = Threads(lambda *_: (), groups=2, rows=2, donates=False)
    assert run.split(()) == [(), ()]
