"""Means, differences and intervals over seeds."""

import math

import numpy as np
import scipy.stats

from keras_amto.paired import difference
from keras_amto.paired import summarise


def test_the_standard_error_is_that_of_the_mean():
    values = [0.2, 0.5, 0.9, 0.4]
    summary = summarise(dict(enumerate(values)))
    assert summary.seeds == 4
    assert math.isclose(summary.mean, 0.5)
    assert math.isclose(summary.standard_error, scipy.stats.sem(values))


def test_one_seed_has_no_error_and_no_interval():
    assert math.isnan(summarise({3: 0.5}).standard_error)
    single = difference({3: 0.5}, {3: 0.25, 4: 0.0})
    assert (single.seeds, single.mean) == (1, 0.25)
    assert math.isnan(single.low)
    assert difference({1: 0.5}, {2: 0.5}).seeds == 0


def test_differences_are_paired_by_seed():
    # Far apart between seeds, always the same within one.
    one = {seed: 10.0 * seed for seed in range(8)}
    other = {seed: 10.0 * seed + 1 for seed in reversed(range(8))}
    found = difference(other, one)
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(1).normal(0.3, 1.0, 20)
    found = difference(dict(enumerate(values)), dict.fromkeys(range(20), 0.0))
    expected = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000,
        rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose(
        (found.low, found.high), (expected.low, expected.high), atol=0.03
    )
    assert found == difference(
        dict(enumerate(values)), dict.fromkeys(range(20), 0.0)
    )
