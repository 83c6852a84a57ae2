"""Wrong calls to every public name, in one table.

Each gets a `TypeError` or a `ValueError` within seconds, which names the
parameter and says what was received and what is expected; and it leaves the
model as it was, and usable.
"""

import collections
import contextlib
import re
import signal

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp
from tests.wrong_calls import ROW_MODULES

pytestmark = needs_tensorflow

SECONDS = 30  # far more than any call takes: what hangs is what fails
ROWS = [row for module in ROW_MODULES for row in module.ROWS]
CALLEES = [callee for module in ROW_MODULES for callee in module.CALLEES]
x, y = digits(60)


class Shared:
    """The model that all rows use, made anew after one that breaks it."""

    def __init__(self):
        self._model = None

    @contextlib.contextmanager
    def model(self):
        model, self._model = self._model, None
        if model is None:
            model = compiled(keras_amto.AMTOModel(mlp(), 2, 3, seed=0))
            model.fit(x, y, verbose=0)
        yield model
        self._model = model


@pytest.fixture(scope="module")
def shared():
    return Shared()


@pytest.fixture
def model(shared):
    """A fitted model, for calls that succeed."""
    with shared.model() as model:
        yield model


@pytest.fixture(autouse=True, scope="module")
def _seeded():
    """In the place of that for every test, after which graphs are made anew."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Lets rows write where they do no harm, and draw without a display."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")


@contextlib.contextmanager
def within_seconds():
    def give_up(*_):
        raise TimeoutError(f"The call has not ended within {SECONDS} s.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def state_of(model):
    """All that a wrong call must not change."""
    return (
        model.get_weights(),
        [model.get_task_weights(task) for task in range(2)],
        [v.numpy() for v in model.optimizer.variables],
    )


def identity_of(model):
    return (
        id(model.optimizer),
        id(model.best_model.optimizer),
        model.loss,
        model.metrics_names,
        model.steps_per_execution,
        model.run_eagerly,
        len(model.ledger),
        id(model.finalists),
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_wrong_call_says_what_is_wrong_and_leaves_the_model_usable(
    row, shared
):
    with shared.model() as model:
        _check(row, model)


def _check(row, model):
    state, identity = state_of(model), identity_of(model)
    with within_seconds(), pytest.raises(row.error) as raised:
        row.call(model)
    assert raised.type is row.error
    message = str(raised.value)
    assert re.search(r"Received: .*Expected: ", message, re.S), message
    assert re.search(rf"\b{row.says or row.parameter}\b", message), message
    keras.tree.map_structure(
        np.testing.assert_array_equal, state, state_of(model)
    )
    assert identity_of(model) == identity
    assert np.isfinite(model.predict_on_batch(x[:1])).all()
    if row.callee.startswith("AMTOModel"):
        model.fit(x, y, steps_per_epoch=1, verbose=0)
        assert len(model.ledger) == identity[-2] + 1


@pytest.mark.parametrize(
    "callee", [each for each in CALLEES if not each.lacks], ids=lambda c: c.name
)
def test_without_anything_wrong_the_call_succeeds(callee, model):
    callee.call(model)


def test_there_are_at_least_three_hundred_wrong_calls():
    assert len(ROWS) >= 300


def test_no_wrong_call_is_there_twice():
    counts = collections.Counter(map(str, ROWS))
    assert [row for row, count in counts.items() if count > 1] == []
