"""Accuracy against training steps: which way to spend the next hour.

    python -m benchmarks.ladder --output ladder/digits --seeds 20 \\
        --data digits --train-size 1000 --steps 900

All other arguments are those of `python -m keras_amto compare`, which runs once
for each M, in OUTPUT/tasks_M: most ways spend 2M times the steps of one
network. A cost is what the results have recorded, in the steps of `full`.
Called again, it goes on where it was interrupted, and from a comparison of the
same settings that is copied to OUTPUT/tasks_M. OUTPUT then holds ladder.csv,
ladder.md and ladder.png.
"""

import argparse
import csv
import io
import math
import pathlib
from functools import partial

from keras_amto import cli
from keras_amto import plots
from keras_amto.experiments.results import load_results
from keras_amto.experiments.results import write_whole
from keras_amto.plots.canvas import save_picture
from keras_amto.statistics import summarise

WAYS = (
    "full_long", "full_long_average", "full_ensemble", "papa_all", "amto",
    "amto_average", "amto_merge_average",
)  # fmt: skip
# What a way is at the cost of one network; that does not depend on M.
SINGLE = {"full": "full_long", "full_average": "full_long_average"}
NUM_TASKS = (1, 2, 4, 8)

# Test accuracy by seed, by cost, by way.
Scores = dict[str, dict[float, dict[int, float]]]


def directory_of(output: pathlib.Path, num_tasks: int) -> pathlib.Path:
    """Returns the directory of the comparison with so many tasks."""
    return output / f"tasks_{num_tasks}"


def train(output: pathlib.Path, tasks: list[int], rest: list[str]) -> None:
    """Runs the comparisons, or what of them is missing."""
    for num_tasks in tasks:
        arms = [*SINGLE, *WAYS] if num_tasks == tasks[0] else WAYS
        status = cli.main(
            [
                # Of an option that is given twice, the last counts.
                "compare", *rest,
                "--output", str(directory_of(output, num_tasks)),
                "--num-tasks", str(num_tasks),
                "--arms", *arms,
            ]
        )  # fmt: skip
        if status:
            raise SystemExit(status)


def read(output: pathlib.Path, tasks: list[int]) -> Scores:
    """Returns the accuracy of every way at every cost that was recorded."""
    found: Scores = {way: {} for way in WAYS}
    first = load_results(directory_of(output, tasks[0]))
    one = {seed: each.training_steps for seed, each in first["full"].items()}
    for num_tasks in tasks:
        results = load_results(directory_of(output, num_tasks))
        for arm, by_seed in results.items():
            way = SINGLE.get(arm, arm)
            if way not in found:
                continue  # of a comparison of all arms
            scores = found[way]
            for seed in by_seed.keys() & one.keys():
                result = by_seed[seed]
                cost = result.training_steps / one[seed]
                scores.setdefault(cost, {})[seed] = result.test_accuracy
    return {way: dict(sorted(scores.items())) for way, scores in found.items()}


def to_csv(scores: Scores) -> str:
    """Returns a line for each way, cost and seed."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("way", "cost", "seed", "test_accuracy"))
    for way, by_cost in scores.items():
        for cost, by_seed in by_cost.items():
            for seed, accuracy in sorted(by_seed.items()):
                writer.writerow((way, f"{cost:g}", seed, accuracy))
    return file.getvalue()


def of_csv(path: pathlib.Path) -> Scores:
    """Reads what `to_csv` has written."""
    scores: Scores = {way: {} for way in WAYS}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            by_seed = scores[row["way"]].setdefault(float(row["cost"]), {})
            by_seed[int(row["seed"])] = float(row["test_accuracy"])
    return scores


def table(scores: Scores) -> list[str]:
    """Returns the lines of a table of means and standard errors, in percent."""
    costs = sorted({cost for each in scores.values() for cost in each})
    lines = [
        f"| way | {' | '.join(f'{cost:g}' for cost in costs)} |",
        f"|---|{'---:|' * len(costs)}",
    ]
    for way, by_cost in scores.items():
        cells = [cell(by_cost.get(cost, {})) for cost in costs]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return lines


def cell(by_seed: dict[int, float]) -> str:
    """Returns mean and standard error; one seed has no error."""
    if not by_seed:
        return "-"
    summary = summarise({s: 100 * each for s, each in by_seed.items()})
    if math.isnan(summary.standard_error):
        return f"{summary.mean:.2f}"
    return f"{summary.mean:.2f} ± {summary.standard_error:.2f}"


def main(arguments: list[str] | None = None) -> list[str]:
    """Climbs the ladder, prints its table and returns the lines."""
    # An abbreviation could be an option of the command.
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("--output", type=pathlib.Path, required=True)
    add("--tasks", type=int, nargs="+", default=NUM_TASKS, metavar="M")
    options, rest = parser.parse_known_args(arguments)
    output, tasks = options.output, list(dict.fromkeys(options.tasks))
    train(output, tasks, rest)
    scores = read(output, tasks)
    lines = table(scores)
    write_whole(output / "ladder.csv", to_csv(scores).encode())
    write_whole(output / "ladder.md", ("\n".join(lines) + "\n").encode())
    drawing = partial(plots.ladder, scores)
    save_picture(drawing, output / "ladder.png", "png", dpi=110)
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
