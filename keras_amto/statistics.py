"""Statistics of runs on the same seeds: means, paired differences, p-values."""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LEVEL = 0.05
LEAST_SEEDS = 6  # 2 / 2**6 is below the level, 2 / 2**5 is not
EXACT_SEEDS = 20  # a million sign patterns
DRAWS = 99_999

Scores = Mapping[int, float]  # by seed


class Summary(NamedTuple):
    """Number of seeds, mean, and its standard error (NaN for one seed)."""

    seeds: int
    mean: float
    standard_error: float


class Difference(NamedTuple):
    """One arm less another, seed by seed.

    Attributes:
        seeds: Integer, the number of seeds that both have.
        mean: Float; NaN without such a seed.
        low: Float, the lower end of Student's 95 % interval of the mean.
        high: Float, the upper end. Both are NaN below two seeds.
        p: Float, of the sign-flip test; NaN below two seeds.
    """

    seeds: int
    mean: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> str | None:
        """`"higher"`, `"lower"` or `"undecided"`, by `p` at 0.05.

        `None` below six seeds, where `p` cannot be that low.
        """
        if self.seeds < LEAST_SEEDS:
            return None
        if self.p >= LEVEL:
            return "undecided"
        return "higher" if self.mean > 0 else "lower"


def summarise(scores: Scores) -> Summary:
    """Returns the mean of at least one score, and its standard error."""
    values = np.array(list(scores.values()))
    count = len(values)
    error = values.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return Summary(count, float(values.mean()), float(error))


def difference(scores: Scores, reference: Scores) -> Difference:
    """Returns the mean paired difference over the seeds that both have.

    The interval is Student's ("The probable error of a mean", Biometrika 6,
    1908), for independent, normally distributed differences. The p-value is
    that of `sign_flip_p`, for independent, symmetric ones.

    Example:

    >>> difference({0: 3.0, 1: 4.0}, {0: 1.0, 1: 2.0, 2: 9.0})
    Difference(seeds=2, mean=2.0, low=2.0, high=2.0, p=0.5)
    """
    common = sorted(set(scores) & set(reference))
    values = np.array([scores[seed] - reference[seed] for seed in common])
    count = len(values)
    mean = float(values.mean()) if count else np.nan
    if count < 2:
        return Difference(count, mean, np.nan, np.nan, np.nan)
    quantile = import_scipy_stats().t.ppf(1 - LEVEL / 2, count - 1)
    half = float(quantile * values.std(ddof=1) / np.sqrt(count))
    return Difference(
        count, mean, mean - half, mean + half, sign_flip_p(values)
    )


def sign_flip_p(differences: npt.ArrayLike) -> float:
    """Returns the two-sided p-value of the sign-flip test of the mean.

    Fisher, The Design of Experiments, 1935, section 21: without an effect each
    difference could as well have the other sign. The p-value is the share of
    all sign patterns whose mean is at least as far from zero as the observed
    one. Up to 20 differences all patterns are tried. Above that 99,999 are
    drawn from a fixed seed and the observed one is counted with them, so no
    p-value is zero (Phipson and Smyth, "Permutation P-values should never be
    zero", 2010).

    Example:

    >>> sign_flip_p([1.0, 2.0, 3.0])
    0.25
    """
    values = np.asarray(differences, dtype=np.float64)
    # Sums that differ only by rounding are ties.
    rounding = 1e-12 * np.abs(values).sum()
    least = abs(values.sum()) - rounding
    if len(values) > EXACT_SEEDS:
        rng = np.random.default_rng(0)
        signs = rng.choice([-1.0, 1.0], size=(DRAWS, len(values)))
        hits = np.count_nonzero(np.abs(signs @ values) >= least)
        return float((1 + hits) / (1 + DRAWS))
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return float(np.mean(np.abs(sums) >= least))


def p_text(p: float) -> str:
    """Returns a p-value with three decimals, as in tables."""
    if np.isnan(p):
        return "-"
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def import_scipy_stats() -> Any:
    """Imports `scipy.stats`, or says how to get it."""
    try:
        import scipy.stats
    except ImportError as error:
        raise ImportError(
            "Intervals need SciPy. Received: no such module. "
            "Expected: `pip install scipy`."
        ) from error
    return scipy.stats
