"""Means, differences, intervals and p-values over seeds."""

import math
import sys

import numpy as np
import pytest
import scipy.stats

from keras_amto import statistics
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import sign_flip_p
from keras_amto.statistics import summarise


def of(values):
    """The difference that a way with these values has to one of zeros."""
    return difference(
        dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0)
    )


def test_the_standard_error_is_that_of_the_mean():
    values = [0.2, 0.5, 0.9, 0.4]
    summary = summarise(dict(enumerate(values)))
    assert summary.seeds == 4
    assert math.isclose(summary.mean, 0.5)
    assert math.isclose(summary.standard_error, scipy.stats.sem(values))


def test_one_seed_has_no_error_no_interval_and_no_p():
    assert math.isnan(summarise({3: 0.5}).standard_error)
    single = difference({3: 0.5}, {3: 0.25, 4: 0.0})
    assert (single.seeds, single.mean) == (1, 0.25)
    assert math.isnan(single.low)
    assert math.isnan(single.p)
    assert difference({1: 0.5}, {2: 0.5}).seeds == 0


def test_differences_are_paired_by_seed():
    # Far apart between seeds, always the same within one.
    one = {seed: 10.0 * seed for seed in range(8)}
    other = {seed: 10.0 * seed + 1 for seed in reversed(range(8))}
    found = difference(other, one)
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.p == 2 / 2**8


@pytest.mark.parametrize("size", [2, 3, 5, 20, 40])
def test_the_interval_is_students(size):
    rng = np.random.default_rng(size)
    one, other = rng.normal(0.3, 1.0, size), rng.normal(0.0, 1.0, size)
    found = difference(dict(enumerate(one)), dict(enumerate(other)))
    expected = scipy.stats.ttest_rel(one, other).confidence_interval(0.95)
    np.testing.assert_allclose((found.low, found.high), expected, rtol=1e-9)


@pytest.mark.parametrize("seeds", [3, 5])
def test_on_noise_an_interval_of_few_seeds_excludes_zero_in_a_twentieth(seeds):
    noise = np.random.default_rng(seeds).normal(size=(2000, seeds))
    found = [of(values) for values in noise]
    excluding = np.mean([not each.low <= 0 <= each.high for each in found])
    assert 0.035 < excluding < 0.065


def brute_force(values):
    return scipy.stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue


@pytest.mark.parametrize("size", range(2, 11))
def test_p_is_that_of_all_sign_patterns(size):
    rng = np.random.default_rng(size)
    for values in (
        rng.normal(0.5, 1.0, size),
        # Many patterns that come to the same sum, but for rounding.
        rng.integers(-3, 4, size) * 0.1,
        (500 + rng.integers(0, 9, size)) / 797 - 503 / 797,
        np.zeros(size),
    ):
        assert sign_flip_p(values) == brute_force(values)


def test_up_to_twenty_seeds_every_pattern_counts():
    assert sign_flip_p(np.linspace(1, 2, 20)) == 2 / 2**20


def test_beyond_that_patterns_are_drawn_and_p_is_never_zero():
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 1.0, 30)
    found = sign_flip_p(values)
    assert found == sign_flip_p(values)
    expected = scipy.stats.permutation_test(
        (values,), lambda x, axis: x.mean(axis=axis), vectorized=True,
        permutation_type="samples", n_resamples=50_000, rng=rng,
    ).pvalue  # fmt: skip
    assert found == pytest.approx(expected, abs=0.01)
    assert 0 < sign_flip_p(np.full(30, 2.0)) < 1e-4


@pytest.mark.parametrize("size", range(6))
def test_below_six_seeds_there_is_no_verdict(size):
    assert of(np.linspace(1, 2, size)).verdict is None


def test_six_seeds_are_enough_for_a_verdict():
    values = np.linspace(1, 2, 6)
    assert of(values).verdict == "higher"
    assert of(-values).verdict == "lower"
    assert of([*values[:5], -1.5]).verdict == "undecided"


def test_p_is_written_with_three_decimals():
    texts = [p_text(p) for p in (1.0, 0.0625, 0.00061, 0.0004, math.nan)]
    assert texts == ["1.000", "0.062", "0.001", "<0.001", "-"]


def test_without_scipy_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ImportError, match=r"pip install scipy"):
        statistics.import_scipy_stats()
    with pytest.raises(ImportError, match=r"pip install scipy"):
        of([1.0, 2.0])
