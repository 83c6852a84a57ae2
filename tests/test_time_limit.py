"""`AMTOCallback(max_seconds=...)`: training ends while there is time."""

import types

import keras
import pytest

import keras_amto
from keras_amto.fit import fitting
from keras_amto.fit import time_limit
from keras_amto.fit.time_limit import TimeLimit
from tests.conftest import needs_fast_engine
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = pytest.mark.usefixtures("engines_once")


class Clock:
    """A clock that shows what it is told."""

    def __init__(self, *times):
        self._times = iter(times)

    def __call__(self):
        return next(self._times)


@pytest.fixture
def no_selection(monkeypatch):
    monkeypatch.setattr(time_limit, "_selection_rounds", lambda *args: 0.0)


def ends(limit, times):
    """After which of rounds that end at some times training ends."""
    made = TimeLimit(limit, 100, plan=None, clock=Clock(*times))
    return [made.is_reached() for _ in times]


def test_the_last_round_is_the_last_that_fits(no_selection):
    assert ends(40, [110, 120, 130, 140]) == [False, False, False, True]
    assert ends(39, [110, 120, 130]) == [False, False, True]


def test_a_first_round_that_takes_longer_is_not_expected_again(no_selection):
    # Tracing takes 20 seconds of the first one.
    assert ends(60, [130, 140, 150, 155]) == [False, False, False, True]


def test_the_longest_of_the_last_rounds_is_expected_again(no_selection):
    assert ends(50, [110, 120, 133, 143]) == [False, False, False, True]


def test_a_first_round_that_takes_all_the_time_is_the_only_one(no_selection):
    assert ends(5, [130]) == [True]


def fit(**settings):
    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=3, seed=0)
    compiled(model)
    x, y = digits(100)
    stop = keras_amto.AMTOCallback(patience=None, **settings)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[stop])
    return model


@needs_fast_engine
def test_a_run_out_of_time_ends_with_its_first_round_and_has_a_winner():
    model = fit(max_seconds=1e-3)
    assert len(model.ledger) == 1
    assert model.finalists is not None


@needs_fast_engine
def test_a_limit_that_is_not_reached_changes_nothing():
    one, other = fit(max_seconds=10_000.0), fit()
    assert len(one.ledger) == 6
    assert one.ledger == other.ledger


@needs_fast_engine
@pytest.mark.parametrize("answer", ["winner", "average", "ensemble"])
def test_the_winner_is_chosen_within_the_limit(answer, monkeypatch):
    """By a clock that goes on as a round ends."""
    seen, made = [0.0], []

    def limit(seconds, began, *args):
        made.append(TimeLimit(seconds, 0.0, *args, clock=lambda: seen[0]))
        return made[-1]

    monkeypatch.setattr(fitting, "TimeLimit", limit)

    class Ticks(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            seen[0] += 10.0  # a round

    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=3, seed=0)
    compiled(model)
    x, y = digits(100)
    stop = keras_amto.AMTOCallback(
        patience=None, max_seconds=65.0, answer=answer
    )
    model.fit(
        x, y, batch_size=16, epochs=9, verbose=0, callbacks=[stop, Ticks()]
    )
    selection = made[0].selection_rounds
    rounds = len(model.ledger)
    assert rounds * 10 + selection * 10 <= 65
    # And no round less than that.
    assert (rounds + 1) * 10 + selection * 10 > 65


@pytest.mark.parametrize(
    ("answer", "evaluated"), [("winner", 16), ("average", 17), ("ensemble", 33)]
)
def test_selection_counts_every_network_that_it_evaluates(answer, evaluated):
    """In rounds of masters and shadows, of samples they train on and judge."""
    tasks = [types.SimpleNamespace(validation_indices=range(1000))] * 16
    plan = types.SimpleNamespace(
        tasks=tasks,
        settings=types.SimpleNamespace(transfer_interval=1),
        batches=[types.SimpleNamespace(batch_size=32)],
        clean_set=None,
        data=types.SimpleNamespace(size=0),
    )
    limit = TimeLimit(1.0, 0.0, plan, answer)
    in_round = 2 * 16 * (32 + 1000)
    assert limit.selection_rounds == evaluated * 16_000 / in_round
