"""Acceptance, patience, harmonic accuracy and random streams."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import accepts
from keras_amto.algorithm import best_candidate
from keras_amto.algorithm import comparable_losses
from keras_amto.algorithm import harmonic_accuracy
from keras_amto.algorithm import initial_patience
from keras_amto.algorithm import out_of_patience
from keras_amto.algorithm import random_stream
from keras_amto.algorithm import update_patience

nan, inf = np.nan, np.inf
any_loss = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(any_loss, any_loss)
def test_a_shadow_wins_only_by_a_lower_finite_loss(master, shadow):
    (accepted,) = accepts([master], [shadow])
    expected = np.isfinite(shadow) and (
        not np.isfinite(master) or shadow < master
    )
    assert accepted == expected


@given(any_loss)
def test_equal_losses_keep_the_master(loss):
    assert not accepts([loss], [loss])[0]


@given(st.lists(any_loss, min_size=1))
def test_comparable_losses_are_never_nan(values):
    compared = comparable_losses(values)
    assert not np.isnan(compared).any()
    assert (compared > -inf).all()


@given(st.lists(st.lists(any_loss, min_size=3, max_size=3), min_size=1))
def test_patience_counts_validations_since_the_best(history):
    patience = initial_patience(3)
    for losses in history:
        patience = update_patience(patience, losses)
    for m in range(3):
        column = [losses[m] for losses in history]
        finite = [loss for loss in column if np.isfinite(loss)]
        if not finite:
            assert patience.wait[m] == len(history)
            assert patience.best[m] == inf
        else:
            best = min(finite)
            assert patience.best[m] == best
            assert patience.wait[m] == len(column) - 1 - column.index(best)


def test_an_improvement_below_min_delta_does_not_count():
    patience = update_patience(initial_patience(1), [1.0], min_delta=0.1)
    patience = update_patience(patience, [0.95], min_delta=0.1)
    assert (patience.best[0], patience.wait[0]) == (1.0, 1)
    patience = update_patience(patience, [0.85], min_delta=0.1)
    assert (patience.best[0], patience.wait[0]) == (0.85, 0)


@pytest.mark.parametrize(
    ("wait", "stop_when", "stops"),
    [
        ([3, 0], "any", True),
        ([2, 2], "any", False),
        ([3, 2], "all", False),
        ([3, 4], "all", True),
        ([0, 9], "first", False),
        ([3, 0], "first", True),
    ],
)
def test_training_stops_as_stop_when_says(wait, stop_when, stops):
    assert out_of_patience(wait, 3, stop_when) is stops
    assert out_of_patience(wait, None, stop_when) is False


accuracies = st.lists(st.floats(1e-6, 1), min_size=1, max_size=8)


@given(accuracies)
def test_harmonic_accuracy_is_the_harmonic_mean(values):
    assert harmonic_accuracy(values) == pytest.approx(stats.hmean(values))


@given(accuracies, st.sampled_from([0.0, -0.5, nan, inf]))
def test_a_useless_accuracy_makes_the_harmonic_accuracy_zero(values, bad):
    assert harmonic_accuracy([*values, bad]) == 0.0


@given(accuracies)
def test_harmonic_accuracy_is_at_most_the_mean(values):
    assume(len(values) > 1)
    assert harmonic_accuracy(values) <= np.mean(values) + 1e-12


@pytest.mark.parametrize(
    ("scores", "losses", "winner"),
    [
        ([0.1, 0.9, 0.5], [0.0, 9.0, 0.0], 1),
        ([0.9, 0.9], [0.4, 0.3], 1),
        ([0.9, 0.9], [nan, 0.3], 1),
        ([0.9, 0.9], [0.3, 0.3], 0),
        ([nan, 0.0], [0.1, 0.2], 1),
        ([nan, nan], [nan, nan], 0),
    ],
)
def test_the_best_candidate_has_the_highest_score_then_the_lowest_loss(
    scores, losses, winner
):
    assert best_candidate(scores, losses) == winner


def test_streams_of_different_purposes_keys_and_seeds_differ():
    streams = [
        random_stream(seed, purpose, *keys).random()
        for seed in (0, 1)
        for purpose in Purpose
        for keys in ((), (0,), (1,), (0, 1), (1, 0))
    ]
    # (purpose,) and (purpose, 0) may not collide either.
    assert len(set(streams)) == len(streams)


def test_the_algorithm_needs_no_keras():
    code = (
        "import sys, types; "
        # Without the package's own __init__, which imports the Keras face.
        "package = types.ModuleType('keras_amto'); "
        "package.__path__ = ['keras_amto']; "
        "sys.modules['keras_amto'] = package; "
        "import keras_amto.algorithm; "
        "assert 'keras' not in sys.modules; "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
