"""Chooses learning rate, schedule and steps for one network on everything.

The conventional way alone is tuned, on development seeds and on images that are
test images of no table (`--development-split`). Every way of a comparison then
gets what was best for it:

    python -m benchmarks.tuning --output tuning/digits \\
        --steps 600 900 1200 --learning-rates 0.02 0.05 0.1 0.2 \\
        --data digits --train-size 1000

All other arguments are those of `python -m keras_amto compare`. Training is
long enough when the next number of steps, at least a third more, gains less
than half a point.
"""

import argparse
import itertools
import json
import pathlib

import numpy as np

from keras_amto import cli

SEEDS = (100, 101, 102, 103, 104)


def accuracies(directory: pathlib.Path, arm: str) -> list[float]:
    """Returns the accuracy of every seed in a comparison's directory."""
    runs = json.loads((directory / "runs.json").read_text("utf-8"))
    return [run["test_accuracy"] for run in runs if run["arm"] == arm]


def main(arguments: list[str] | None = None) -> list[str]:
    """Trains every combination, prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--output", type=pathlib.Path, required=True)
    add("--steps", type=int, nargs="+", required=True)
    add("--learning-rates", type=float, nargs="+", required=True)
    add("--schedules", nargs="+", default=["constant", "cosine"])
    add("--seeds", type=int, nargs="+", default=SEEDS)
    options, rest = parser.parse_known_args(arguments)
    lines = [
        "| learning rate | schedule | steps | seeds | full, % "
        "| full_average, % |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for schedule, rate, steps in itertools.product(
        options.schedules, options.learning_rates, options.steps
    ):
        directory = options.output / f"{schedule}-{rate}-{steps}"
        status = cli.main(
            [
                "compare", "--output", str(directory),
                "--arms", "full", "full_average",
                "--seeds", ",".join([*map(str, options.seeds), ""]),
                "--steps", str(steps),
                "--learning-rate", str(rate),
                "--schedule", schedule,
                "--development-split", "0.2",
                *rest,
            ]
        )  # fmt: skip
        if status:
            raise SystemExit(status)
        last = accuracies(directory, "full")
        means = [
            f"{100 * np.mean(each):.2f}"
            for each in (last, accuracies(directory, "full_average"))
        ]
        lines.append(
            f"| {rate} | {schedule} | {steps} | {len(last)} "
            f"| {' | '.join(means)} |"
        )
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
