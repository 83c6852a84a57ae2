"""Comparing ways that were tried on the same seeds. Pure NumPy."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95

Scores = Mapping[int, float]  # by seed


class Summary(NamedTuple):
    """What one way came to.

    Attributes:
        seeds: Integer, the number of seeds.
        mean: Float.
        standard_error: Float, of the mean; NaN for one seed.
    """

    seeds: int
    mean: float
    standard_error: float


class Difference(NamedTuple):
    """One way less another, seed by seed.

    Attributes:
        seeds: Integer, the number of seeds that both have.
        mean: Float; NaN where there is no such seed.
        low: Float, the lower end of a 95 % bootstrap interval of the mean; NaN
            below two seeds.
        high: Float, the upper end, likewise.
    """

    seeds: int
    mean: float
    low: float
    high: float


def summarise(scores: Scores) -> Summary:
    """Returns mean and standard error.

    Args:
        scores: Score by seed, at least one.

    Example:

    >>> summarise({0: 0.5, 1: 0.7}).seeds
    2
    """
    values = np.array(list(scores.values()))
    count = len(values)
    error = values.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return Summary(count, float(values.mean()), float(error))


def difference(scores: Scores, reference: Scores) -> Difference:
    """Returns the mean paired difference and its bootstrap interval.

    The interval is the percentile one: seeds are drawn with replacement 10,000
    times, by a fixed stream. With few seeds it is too narrow rather than too
    wide.

    Args:
        scores: Score by seed.
        reference: Score by seed of what to compare with. Seeds that only one
            of them has do not count.

    Example:

    >>> difference({0: 3.0, 1: 4.0}, {0: 1.0, 1: 2.0, 2: 9.0})
    Difference(seeds=2, mean=2.0, low=2.0, high=2.0)
    """
    common = sorted(set(scores) & set(reference))
    values = np.array([scores[seed] - reference[seed] for seed in common])
    count = len(values)
    if count == 0:
        return Difference(0, np.nan, np.nan, np.nan)
    mean = float(values.mean())
    if count == 1:
        return Difference(1, mean, np.nan, np.nan)
    draws = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[draws].mean(axis=1), [tail, 1 - tail])
    return Difference(count, mean, float(low), float(high))
