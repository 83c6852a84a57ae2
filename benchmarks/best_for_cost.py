"""Which single network is best for its cost, from tables of comparisons.

    python -m benchmarks.best_for_cost docs/results/digits_tuned.csv

A row for each table and each budget, in networks of the comparison's number of
steps. Arms that answer with several networks are left out.
"""

import argparse
import pathlib

from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.results import read_table
from keras_amto.statistics import difference
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


def best_arm(comparison: Comparison, budget: int) -> str:
    """Returns the single network of highest mean that is within a budget.

    Among equals it is the one that costs less.
    """
    unit = _steps(comparison, REFERENCE)
    affordable = [
        arm
        for arm in comparison
        if not arm.endswith("ensemble")
        and _steps(comparison, arm) <= budget * unit
    ]
    scores = comparison.test_accuracies
    return max(
        affordable,
        key=lambda arm: (summarise(scores[arm]).mean, -_steps(comparison, arm)),
    )


def row(setting: str, comparison: Comparison, budget: int) -> str:
    """Returns a row of the table."""
    arm, scores = best_arm(comparison, budget), comparison.test_accuracies
    gain = difference(scores[arm], scores[REFERENCE])
    lead = (
        "- | -"
        if arm == REFERENCE
        else f"{100 * gain.mean:+.2f} ({100 * gain.low:+.2f} to "
        f"{100 * gain.high:+.2f}) | {p_text(gain.p)}"
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
