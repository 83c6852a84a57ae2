"""Which single network is best for its cost, from tables of comparisons.

    python -m benchmarks.best_for_cost docs/results/digits_tuned.csv

A row for each table and each budget, in networks of the comparison's number of
steps. Arms that answer with several networks are left out.

The arm of a row is that of the highest mean on the very seeds that its gain is
measured on. Interval and p-value account for that: they are those of the most
extreme of all arms that the budget can buy (Westfall and Young,
"Resampling-Based Multiple Testing", 1993).
"""

import argparse
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.results import read_table
from keras_amto.statistics import DRAWS
from keras_amto.statistics import LEVEL
from keras_amto.statistics import Difference
from keras_amto.statistics import p_text
from keras_amto.statistics import summarise

BUDGETS = (1, 8)
REFERENCE = "full"
TITLES = {
    "digits_tuned": "digits, 1,000 samples",
    "fashion_2000_tuned": "Fashion-MNIST, 2,000 images",
    "fashion_10000_tuned": "Fashion-MNIST, 10,000 images",
}
HEAD = [
    "| setting | for the steps of | best single network | test accuracy, % "
    "| less `full`, points | p |",
    "|---|---:|---|---:|---:|---:|",
]


def affordable(comparison: Comparison, budget: int) -> list[str]:
    """Returns the arms of a single network that are within a budget."""
    unit = _steps(comparison, REFERENCE)
    return [
        arm
        for arm in comparison
        if not arm.endswith("ensemble")
        and _steps(comparison, arm) <= budget * unit
    ]


def best_arm(comparison: Comparison, arms: Sequence[str]) -> str:
    """Returns the arm of highest mean; among equals that which costs less."""
    scores = comparison.test_accuracies
    return max(
        arms,
        key=lambda arm: (summarise(scores[arm]).mean, -_steps(comparison, arm)),
    )


def gain(comparison: Comparison, arm: str, arms: Sequence[str]) -> Difference:
    """Returns what an arm has over the reference, chosen as the best of `arms`.

    Signs of seeds are flipped for all arms together, so what arms have in
    common counts. The interval has the factor that 95 % of the most extreme t
    of all arms, of differences round their means, stay within.
    """
    scores = comparison.test_accuracies
    others = [each for each in arms if each != REFERENCE]
    seeds = sorted(scores[REFERENCE])
    leads = np.array(
        [
            [scores[each][seed] - scores[REFERENCE][seed] for seed in seeds]
            for each in others
        ]
    )
    chosen = others.index(arm)
    mean = float(leads[chosen].mean())
    if len(seeds) < 2:
        return Difference(len(seeds), mean, np.nan, np.nan, np.nan)
    flips = _sign_patterns(len(seeds))
    # What differs by rounding is a tie.
    least = _t(leads, np.ones((1, len(seeds))))[0, chosen] * (1 - 1e-9)
    p = np.mean(_t(leads, flips).max(axis=1) >= least)
    centred = leads - leads.mean(axis=1, keepdims=True)
    factor = np.quantile(_t(centred, flips).max(axis=1), 1 - LEVEL)
    half = factor * leads[chosen].std(ddof=1) / np.sqrt(len(seeds))
    return Difference(
        len(seeds), mean, mean - float(half), mean + float(half), float(p)
    )


def _sign_patterns(count: int) -> npt.NDArray[np.float64]:
    """All of them, or many, the observed one among them."""
    if count <= 16:
        return np.array(list(itertools.product((1.0, -1.0), repeat=count)))
    rng = np.random.default_rng(0)
    drawn = rng.choice([-1.0, 1.0], size=(DRAWS, count))
    return np.concatenate([np.ones((1, count)), drawn])


def _t(
    leads: npt.NDArray[np.float64], flips: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The |t| of every arm, for every pattern of signs."""
    count = leads.shape[1]
    means = flips @ leads.T / count
    squares = (leads**2).sum(axis=1)
    errors = np.sqrt(
        np.maximum(squares - count * means**2, 0) / (count - 1) / count
    )
    # Where an arm has the same lead on all seeds, its error is but rounding.
    least = 1e-6 * np.sqrt(squares) + np.finfo(float).tiny
    return np.abs(means) / np.maximum(errors, least)


def row(setting: str, comparison: Comparison, budget: int) -> str:
    """Returns a row of the table."""
    arms, scores = affordable(comparison, budget), comparison.test_accuracies
    arm, lead = best_arm(comparison, arms), "- | -"
    if arm != REFERENCE:
        found = gain(comparison, arm, arms)
        lead = (
            f"{100 * found.mean:+.2f} ({100 * found.low:+.2f} to "
            f"{100 * found.high:+.2f}) | {p_text(found.p)}"
        )
    return (
        f"| {setting} | {budget} | `{arm}` "
        f"| {100 * summarise(scores[arm]).mean:.2f} | {lead} |"
    )


def _steps(comparison: Comparison, arm: str) -> int:
    return next(iter(comparison[arm].values())).training_steps


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table, and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("tables", type=pathlib.Path, nargs="+", help="CSV files of `compare`")
    add("--budgets", type=int, nargs="+", default=BUDGETS)
    options = parser.parse_args(arguments)
    lines = list(HEAD)
    for path in options.tables:
        comparison = Comparison(read_table(path))
        for budget in options.budgets:
            title = TITLES.get(path.stem, path.stem)
            lines.append(row(title, comparison, budget))
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
