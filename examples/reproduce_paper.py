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

With `--small` there are two seeds of two networks at 96 pixels on RSSCN7, and
so few steps that two CPU cores are done in ten minutes. Its table shows that
everything works, and cannot show what the paper's does:

```
python examples/reproduce_paper.py --small --data rsscn7=RSSCN7 \
    --weights squeezenet=squeezenet_v1.1_imagenet_notop.h5 \
    mobilenet_v2=mobilenet_v2_1.0_224_imagenet_notop.weights.h5
```
"""

import argparse
import dataclasses
import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from keras_amto.experiments.data import load_images
from keras_amto.experiments.networks import make_network
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
## Two sizes of it

The small one never comes to where the learning rate drops.
"""


def settings_of(network, small, **changes):
    """Returns the settings of a network's runs."""
    settings = dict(PAPER)
    if small:
        settings |= {"batch_size": 32, "drop_at": ()}
        settings |= (
            {"max_steps": 60, "transfer_interval": 20}
            if network == "squeezenet"
            else {"max_steps": 20, "transfer_interval": 10}
        )
    given = {key: value for key, value in changes.items() if value is not None}
    return RunSettings(**settings | given)


"""
## Running a seed

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
            network,
            options.small,
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
## All cells
"""


def main(arguments=None):
    """Runs what is not done yet, and prints the table."""
    options = parse(arguments)
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
    print()
    print("\n".join(table(results)))
    return results


def parse(arguments):
    """Returns the options."""
    parser = argparse.ArgumentParser(description="Table I of the AMTO paper.")
    add = parser.add_argument
    add("--small", action="store_true", help="for two CPU cores")
    add("--data", nargs="+", metavar="NAME[=DIR]", help="of its class folders "
        f"where tensorflow-datasets has none; default: {' '.join(DATA)}, or "
        "rsscn7 of the small size")  # fmt: skip
    add("--networks", nargs="+", choices=NETWORKS, help="default: all, or the "
        "first two of the small size")  # fmt: skip
    add("--weights", nargs="+", default=[], metavar="NETWORK=FILE",
        help="ImageNet weights without the top, or `none`; what is not named "
        "Keras downloads, but for squeezenet's")  # fmt: skip
    add("--seeds", type=int, help="default: 5, or 2 of the small size")
    add("--image-size", type=int, help="default: 224, or 96")
    add("--max-steps", type=int, help="default: 10000, or fewer")
    add("--transfer-interval", type=int, help="default: 100, or fewer")
    add("--results", type=pathlib.Path, help="a file that keeps results")
    options = parser.parse_args(arguments)

    small = options.small
    options.seeds = options.seeds or (2 if small else 5)
    options.image_size = options.image_size or (96 if small else 224)
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
    for given, known in (
        (options.data, DATA),
        (options.weights, options.networks),
    ):
        if unknown := set(given) - set(known):
            parser.error(f"{sorted(unknown)} are none of {list(known)}")
    if "squeezenet" in set(options.networks) - set(options.weights):
        parser.error("give --weights squeezenet=FILE, or squeezenet=none")
    return options


if __name__ == "__main__":
    main()
