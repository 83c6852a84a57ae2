"""Equations 3, 4 and 6."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import draw_donors
from keras_amto.algorithm import initial_relationships
from keras_amto.algorithm import random_stream
from keras_amto.algorithm import update_relationships

losses = st.one_of(
    st.floats(0, 1e3), st.sampled_from([np.nan, np.inf, -np.inf])
)


def matrices(low=-1e6, high=1e6):
    return st.integers(2, 8).flatmap(
        lambda m: npst.arrays(np.float64, (m, m), elements=st.floats(low, high))
    )


def test_relationships_start_at_zero():
    assert initial_relationships(3).tolist() == [[0.0] * 3] * 3


@given(matrices())
def test_probabilities_sum_to_one_and_never_choose_the_task_itself(r):
    p = donor_probabilities(r)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert (np.diag(p) == 0).all()
    assert np.isfinite(p).all()


@given(matrices(-5, 5))
def test_probabilities_are_the_softmax_over_the_others(r):
    p = donor_probabilities(r)
    for m in range(len(r)):
        others = [j for j in range(len(r)) if j != m]
        expected = np.exp(r[m, others]) / np.exp(r[m, others]).sum()
        np.testing.assert_allclose(p[m, others], expected)


def test_huge_relationships_do_not_overflow():
    r = np.array([[0, 1e308, 0], [0, 0, 0], [-1e308, 0, 0]])
    p = donor_probabilities(r)
    assert p[0].tolist() == [0, 1, 0]
    assert p[2].tolist() == [0, 1, 0]


def test_uniform_selection_ignores_relationships():
    r = np.array([[0.0, 9.0, -9.0], [1.0, 0.0, 2.0], [3.0, 4.0, 0.0]])
    p = donor_probabilities(r, "uniform")
    np.testing.assert_allclose(p, (1 - np.eye(3)) / 2)


@given(matrices(), st.integers(0, 2**32))
def test_a_task_never_draws_itself_or_an_impossible_donor(r, seed):
    p = donor_probabilities(r)
    donors = draw_donors(p, np.random.default_rng(seed))
    assert (donors != np.arange(len(r))).all()
    assert (p[np.arange(len(r)), donors] > 0).all()


class _Extreme:
    """A generator of the largest or the smallest draws there are."""

    def __init__(self, value):
        self.value = value

    def random(self, size):
        return np.full(size, self.value)


@pytest.mark.parametrize("draw", [0.0, np.nextafter(1, 0)])
def test_rounding_at_the_ends_of_the_draw_chooses_a_possible_donor(draw):
    p = np.array([[0, 0, 0.1, 0.2, 0.7, 0], *np.full((5, 6), 0.2)])
    np.fill_diagonal(p, 0)
    donors = draw_donors(p, _Extreme(draw))
    assert donors[0] == (2 if draw == 0 else 4)


def test_donor_frequencies_match_equation_4_over_2000_draws():
    r = np.array(
        [
            [0.0, 0.5, -1.0, 1.5],
            [1.0, 0.0, 0.0, -0.5],
            [0.0, 0.0, 0.0, 0.0],
            [2.0, -2.0, 1.0, 0.0],
        ]
    )
    p = donor_probabilities(r)
    counts = np.zeros((4, 4))
    for round in range(2000):
        donors = draw_donors(p, random_stream(7, Purpose.DONORS, round))
        counts[np.arange(4), donors] += 1
    for m in range(4):
        others = np.arange(4) != m
        assert (
            stats.chisquare(counts[m, others], 2000 * p[m, others]).pvalue
            > 0.001
        )
    # The same test rejects probabilities that are not these.
    uniform = donor_probabilities(r, "uniform")
    others = np.arange(4) != 3
    assert (
        stats.chisquare(counts[3, others], 2000 * uniform[3, others]).pvalue
        < 1e-6
    )


@given(
    st.integers(2, 6).flatmap(
        lambda m: st.tuples(
            npst.arrays(np.float64, (m, m), elements=st.floats(-9, 9)),
            st.lists(losses, min_size=m, max_size=m),
            st.lists(losses, min_size=m, max_size=m),
        )
    )
)
def test_only_the_tried_pair_moves_and_by_less_than_one(case):
    r, masters, shadows = case
    m = len(r)
    donors = (np.arange(m) + 1) % m
    before = r.copy()
    after = update_relationships(
        r, donors, np.array(masters), np.array(shadows)
    )
    assert (r == before).all()
    moved = np.zeros((m, m), dtype=bool)
    moved[np.arange(m), donors] = True
    assert (after[~moved] == r[~moved]).all()
    assert (np.abs(after - r) <= 1 + 1e-9).all()
    assert np.isfinite(after).all()


@pytest.mark.parametrize(
    ("master", "shadow", "gain"),
    [
        (2.0, 1.5, np.tanh(0.5)),
        (1.5, 2.0, -np.tanh(0.5)),
        (1.0, 1.0, 0.0),
        (np.nan, 1.0, 1.0),
        (1.0, np.nan, -1.0),
        (np.inf, -np.inf, 0.0),
        (np.nan, np.nan, 0.0),
    ],
)
def test_relationships_move_by_equation_6(master, shadow, gain):
    after = update_relationships(
        np.full((2, 2), 0.25),
        np.array([1, 0]),
        np.array([master, 1.0]),
        np.array([shadow, 1.0]),
    )
    assert after[0, 1] == 0.25 + gain
    assert after[1, 0] == 0.25


def test_decay_shrinks_the_old_relationship_of_the_tried_pair():
    after = update_relationships(
        np.full((2, 2), 2.0),
        np.array([1, 0]),
        np.array([1.0, np.nan]),
        np.array([1.0, np.inf]),
        decay=0.8,
    )
    # Two diverged replicas leave it alone.
    assert after.tolist() == [[2.0, 1.6], [2.0, 2.0]]
