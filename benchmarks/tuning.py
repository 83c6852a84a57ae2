"""Chooses learning rate, schedule and steps for one network on everything.

The conventional way alone is tuned, on development seeds and on images that are
test images of no table (`--development-split`). Every way of a comparison then
gets what was best for it:

    python -m benchmarks.tuning --output tuning/digits \\
        --steps 600 900 1200 --learning-rates 0.02 0.05 0.1 0.2 \\
        --data digits --train-size 1000

All other arguments are those of `python -m keras_amto compare`. Training is
long enough when the next number of steps, at least a third more, gains less
than half a point. `tuning.csv`, in the directory of the output, has every seed.
"""

import argparse
import csv
import itertools
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_amto import cli
from keras_amto.experiments.results import load_results

SEEDS = (100, 101, 102, 103, 104)
ARMS = ("full", "full_average")


class Setting(NamedTuple):
    """A combination that is tried."""

    schedule: str
    learning_rate: float
    steps: int


class Trial(NamedTuple):
    """The test accuracies of a setting on a seed, in [0, 1]."""

    setting: Setting
    seed: int
    full: float
    full_average: float


def read_trials(path: pathlib.Path) -> list[Trial]:
    """Reads what `write_trials` has written."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [
        Trial(
            Setting(schedule, float(rate), int(steps)),
            int(seed),
            float(full),
            float(average),
        )
        for schedule, rate, steps, seed, full, average in rows
    ]


def write_trials(path: pathlib.Path, trials: Sequence[Trial]) -> None:
    """Writes all trials as CSV."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*Setting._fields, "seed", *ARMS])
        writer.writerows([*setting, *rest] for setting, *rest in trials)


def table(trials: Sequence[Trial]) -> list[str]:
    """Returns a Markdown table with a row for each setting."""
    lines = [
        "| learning rate | schedule | steps | seeds | full, % "
        "| full_average, % |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for setting in dict.fromkeys(trial.setting for trial in trials):
        own = [trial for trial in trials if trial.setting == setting]
        full, average = (
            100 * np.mean([getattr(trial, arm) for trial in own])
            for arm in ARMS
        )
        lines.append(
            f"| {setting.learning_rate} | {setting.schedule} | {setting.steps} "
            f"| {len(own)} | {full:.2f} | {average:.2f} |"
        )
    return lines


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
    trials = []
    for setting in itertools.starmap(
        Setting,
        itertools.product(
            options.schedules, options.learning_rates, options.steps
        ),
    ):
        directory = options.output / "-".join(map(str, setting))
        status = cli.main(
            [
                "compare", "--output", str(directory),
                "--arms", *ARMS,
                "--seeds", ",".join([*map(str, options.seeds), ""]),
                "--steps", str(setting.steps),
                "--learning-rate", str(setting.learning_rate),
                "--schedule", setting.schedule,
                "--development-split", "0.2",
                *rest,
            ]
        )  # fmt: skip
        if status:
            raise SystemExit(status)
        results = load_results(directory)
        trials += [
            Trial(
                setting,
                seed,
                *(results[arm][seed].test_accuracy for arm in ARMS),
            )
            for seed in options.seeds
        ]
        write_trials(options.output / "tuning.csv", trials)
    lines = table(trials)
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
