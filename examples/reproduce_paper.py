"""
Title: The experiment of the AMTO paper
Author: The keras_amto developers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: Three data sets, three networks, one task against four.
"""

"""
## Introduction

Table I of [the paper](https://arxiv.org/abs/2007.01016) has the accuracy on
test images that three networks reach on three data sets: trained the
conventional way, with one validation set (STO), and with AMTO in four tasks.
Both start from the same ImageNet weights and, in each of five runs, from the
same seed.

All of it is 90 runs of 10,000 steps, and AMTO makes eight times the steps:

```
python examples/reproduce_paper.py --weights squeezenet=squeezenet1_1.pth \
    --data uc_merced oxford_iiit_pet rsscn7=RSSCN7 --results paper.jsonl
```

Keras downloads the weights of its own networks. Run again after an
interruption, it skips the runs that are in the file of results.

With `--small` two networks train on 700 images of RSSCN7 at 48 pixels, until
more steps hardly help, and AMTO stands beside every other way to come to one
network that costs no more steps. Six seeds of SqueezeNet should take two CPU
cores some three hours:

```
python examples/reproduce_paper.py --small --data rsscn7=RSSCN7 \
    --weights squeezenet=squeezenet_v1.1_imagenet_notop.h5 \
    mobilenet_v2=mobilenet_v2_1.0_224_imagenet_notop.weights.h5 \
    --results results --processes 2
```
"""

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from keras_amto import cli
from keras_amto.experiments.arms import ARMS
from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.data import load_images
from keras_amto.experiments.networks import make_network
from keras_amto.experiments.results import load_results
from keras_amto.experiments.results import write_whole
from keras_amto.experiments.settings import PAPER
from keras_amto.experiments.settings import RunSettings
from keras_amto.experiments.train import count_images
from keras_amto.experiments.train import train_on_images
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import summarise

"""
## What the paper found

Mean top-1 accuracy of 5 runs in %, by STO and by AMTO.
"""

TABLE_I = {
    ("uc_merced", "squeezenet"): (93.48, 94.95),
    ("uc_merced", "mobilenet_v2"): (97.24, 97.29),
    ("uc_merced", "densenet121"): (97.76, 98.05),
    ("oxford_iiit_pet", "squeezenet"): (82.90, 84.34),
    ("oxford_iiit_pet", "mobilenet_v2"): (90.65, 91.34),
    ("oxford_iiit_pet", "densenet121"): (93.00, 93.19),
    ("rsscn7", "squeezenet"): (93.71, 94.75),
    ("rsscn7", "mobilenet_v2"): (96.04, 96.43),
    ("rsscn7", "densenet121"): (96.79, 96.89),
}
DATA = ("uc_merced", "oxford_iiit_pet", "rsscn7")
NETWORKS = ("squeezenet", "mobilenet_v2", "densenet121")
WAYS = {"STO": 1, "AMTO": 4}  # and their numbers of tasks

"""
## A run of the full size
"""


def settings_of(**changes):
    """Returns the settings of the paper, with what is given."""
    given = {key: value for key, value in changes.items() if value is not None}
    return RunSettings(**PAPER | given)


"""
## Running a seed of it

The two ways share images, test images, starting weights, and the split and
the batches of the first task.
"""


def run_seed(data, network, seed, options, done):
    """Trains both ways; yields results."""
    weights = options.weights.get(network, "imagenet")
    weights = None if weights == "none" else weights
    sets = None
    for way, num_tasks in WAYS.items():
        settings = settings_of(
            num_tasks=num_tasks,
            seed=seed,
            max_steps=options.max_steps,
            transfer_interval=options.transfer_interval,
        )
        run = {
            "data": data,
            "network": network,
            "way": way,
            "seed": seed,
            "image_size": options.image_size,
            "weights": weights,
            "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        }
        found = [each for each in done if each | run == each]
        if found:
            yield found[0]
            continue
        if sets is None:
            path = options.data[data]
            sets = load_images(path, options.image_size, seed)
            count_images(sets.test, settings)  # all are readable
        begin = time.perf_counter()
        keras.utils.set_random_seed(seed)
        shape = (options.image_size, options.image_size, 3)
        made = make_network(network, shape, len(sets.class_names), weights)
        model = train_on_images(made, sets.train, settings)
        figures = model.evaluate(sets.test, verbose=0, return_dict=True)
        yield run | {
            "accuracy": figures["accuracy"],
            "steps": model.ledger[-1].step,
            "seconds": time.perf_counter() - begin,
        }
        del model
        keras.utils.clear_session()


"""
## The table

A gap is the mean over seeds of the difference between the two ways, with
Student's 95 % interval and the p-value of the sign-flip test beside it. Fewer
than six seeds, the paper's five among them, cannot have p below 0.05; and the
images of all seeds overlap.
"""


def table(results):
    """Returns the results beside the paper's as lines of Markdown."""
    lines = [
        "| data | network | seeds | STO, % | AMTO, % | gap | 95 % t interval "
        "| p | paper's STO | paper's AMTO | paper's gap |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (data, network), paper in TABLE_I.items():
        sto, amto = (
            {
                each["seed"]: 100 * each["accuracy"]
                for each in results
                if (each["data"], each["network"], each["way"])
                == (data, network, way)
            }
            for way in WAYS
        )
        gap = difference(amto, sto)
        if not gap.seeds:
            continue
        both = set(sto) & set(amto)
        means = [
            summarise({seed: scores[seed] for seed in both}).mean
            for scores in (sto, amto)
        ]
        interval = "-"
        if gap.seeds > 1:
            interval = f"{gap.low:+.2f} to {gap.high:+.2f}"
        lines.append(
            f"| {data} | {network} | {gap.seeds} | {means[0]:.2f} "
            f"| {means[1]:.2f} | {gap.mean:+.2f} | {interval} "
            f"| {p_text(gap.p)} "
            f"| {paper[0]:.2f} | {paper[1]:.2f} | {paper[1] - paper[0]:+.2f} |"
        )
    return lines


"""
## The small size

`keras_amto compare` trains all ways of a seed. Learning rate, schedule and
number of steps are those with which one network on everything did best on seeds
that are in no table: docs/results.md has the runs of SqueezeNet, and
MobileNetV2 gets the same.
"""

TUNED = {
    "optimizer": "adam",
    "learning-rate": 0.0003,
    "schedule": "cosine",
    "steps": 560,
}
SMALL = {"squeezenet": TUNED, "mobilenet_v2": TUNED}
COMMON = {
    "image-size": 48,
    "train-size": 700,
    "batch-size": 16,
    "transfer-interval": 35,
    "development-split": 0.2,
}
SINGLE = [arm for arm in ARMS if not arm.endswith("ensemble")]


def compare(data, network, options):
    """Trains what is missing of a comparison, and returns it."""
    directory = options.results / f"{data}_{network}_tuned"
    given = COMMON | SMALL[network] | {
        "output": directory,
        "data": options.data[data],
        "network": network,
        "seeds": options.seeds,
    }  # fmt: skip
    if (weights := options.weights.get(network, "imagenet")) != "none":
        given["weights"] = weights
    words = [str(word) for k, v in given.items() for word in (f"--{k}", v)]
    # Of an option that is given twice, the last counts.
    status = cli.main(
        ["compare", *words, "--arms", *SINGLE, *options.of_compare]
    )
    if status:
        raise SystemExit(status)
    results = load_results(directory)
    return Comparison({arm: results.get(arm, {}) for arm in SINGLE})


def small_table(comparisons):
    """Returns AMTO beside all that costs no more, as lines of Markdown.

    `comparisons` maps pairs of a data set and a network to a `Comparison`.
    """
    lines = [
        "| data | network | arm | training steps | seeds | test accuracy, % "
        "| amto less it, points | 95 % t interval | p | the paper's, % |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cell, comparison in comparisons.items():
        scores = comparison.test_accuracies
        steps = {
            arm: next(iter(by_seed.values())).training_steps
            for arm, by_seed in comparison.items()
        }
        paper = dict(zip(("sto", "amto"), TABLE_I[cell], strict=True))
        for arm in comparison:
            if steps[arm] > steps["amto"]:
                continue
            lead = difference(scores["amto"], scores[arm])
            found = summarise(scores[arm])
            cells = ["-", "-", "-"] if arm == "amto" else [
                f"{100 * lead.mean:+.2f}",
                f"{100 * lead.low:+.2f} to {100 * lead.high:+.2f}"
                if lead.seeds > 1 else "-",
                p_text(lead.p),
            ]  # fmt: skip
            own = f"{paper[arm]:.2f}" if arm in paper else "-"
            lines.append(
                f"| {' | '.join(cell)} | {arm} | {steps[arm]} | {found.seeds} "
                f"| {100 * found.mean:.2f} | {' | '.join(cells)} | {own} |"
            )
    return lines


"""
## All cells
"""


def main(arguments=None):
    """Runs what is not done yet, and returns and prints the table's lines."""
    options = parse(arguments)
    if options.results:  # now, and not after hours of training
        options.results.parent.mkdir(parents=True, exist_ok=True)
    if options.small:
        lines = small_table(
            {
                (data, network): compare(data, network, options)
                for data in options.data
                for network in options.networks
            }
        )
    else:
        lines = table(run_all(options))
    print()
    print("\n".join(lines))
    return lines


def run_all(options):
    """Runs all cells of the full size, and returns their results."""
    done, results = [], []
    if options.results and options.results.exists():
        # The last line may have been cut off, without its end.
        *lines, cut = options.results.read_text("utf-8").split("\n")
        done = [json.loads(line) for line in lines]
        if cut:
            text = "".join(f"{line}\n" for line in lines)
            write_whole(options.results, text.encode())
    for data in options.data:
        for network in options.networks:
            for seed in range(options.seeds):
                for result in run_seed(data, network, seed, options, done):
                    results.append(result)
                    if options.results and result not in done:
                        with open(options.results, "a") as file:
                            file.write(json.dumps(result) + "\n")
                    print(
                        f"{data}, {network}, seed {seed}, {result['way']}: "
                        f"accuracy {100 * result['accuracy']:.2f} % after "
                        f"{result['steps']} steps, {result['seconds']:.0f} s",
                        flush=True,
                    )
    return results


def parse(arguments):
    """Returns the options."""
    parser = argparse.ArgumentParser(description="Table I of the AMTO paper.")
    add = parser.add_argument
    add("--small", action="store_true", help="for two CPU cores; all other "
        "options are those of `keras_amto compare`")  # fmt: skip
    add("--data", nargs="+", metavar="NAME[=DIR]", help="of its class folders "
        f"where tensorflow-datasets has none; default: {' '.join(DATA)}, or "
        "rsscn7 of the small size")  # fmt: skip
    add("--networks", nargs="+", choices=NETWORKS, help="default: all, or the "
        "first two of the small size")  # fmt: skip
    add("--weights", nargs="+", default=[], metavar="NETWORK=FILE",
        help="ImageNet weights without the top, or `none`; what is not named "
        "Keras downloads, but for squeezenet's")  # fmt: skip
    add("--seeds", type=int, help="default: 5, or 6 of the small size")
    add("--results", type=pathlib.Path, help="a file that keeps results; of "
        "the small size, which needs it, a directory")  # fmt: skip
    arguments = sys.argv[1:] if arguments is None else arguments
    small = "--small" in arguments
    if small:
        options, options.of_compare = parser.parse_known_args(arguments)
        if options.results is None:
            parser.error("give --results DIR")
    else:
        add("--image-size", type=int, default=224, help="default: 224")
        add("--max-steps", type=int, help="default: 10000")
        add("--transfer-interval", type=int, help="default: 100")
        options = parser.parse_args(arguments)

    options.seeds = options.seeds or (6 if small else 5)
    options.networks = options.networks or NETWORKS[: 2 if small else 3]
    pairs = [
        each.partition("=")
        for each in options.data or (("rsscn7",) if small else DATA)
    ]
    # A folder of the name of a data set is a folder.
    options.data = {
        name: os.path.join(os.curdir, path) if path else name
        for name, _, path in pairs
    }
    pairs = [each.partition("=") for each in options.weights]
    options.weights = {name: path for name, _, path in pairs}
    if not small and options.results and options.results.is_dir():
        parser.error(f"--results {options.results} is a directory")
    for given, known in (
        (options.data, DATA),
        (options.weights, options.networks),
        (options.networks, SMALL if small else NETWORKS),
    ):
        if unknown := set(given) - set(known):
            parser.error(f"{sorted(unknown)} are none of {list(known)}")
    if "squeezenet" in set(options.networks) - set(options.weights):
        parser.error("give --weights squeezenet=FILE, or squeezenet=none")
    return options


if __name__ == "__main__":
    main()
