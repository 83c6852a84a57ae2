"""
Title: The experiment of the PLP paper
Author: The keras_amto developers
Date created: 2026/11/27
Last modified: 2026/11/27
Description: Three networks on CIFAR-100, with linear prediction and without.
"""

"""
## Introduction

Ying et al. (Scientific Reports 14:15197, 2024) train VGG16, ResNet18 and
GoogLeNet on CIFAR-100 from random weights, with SGD and with Parameters Linear
Prediction (PLP): 20 % of the training set held out for validation, 100 epochs,
momentum 0.9, weight decay 1e-4, and a learning rate that cycles between 0.001
and 0.002 in one part of the paper and stays at 0.001 in the other. Every figure
is a mean over ten networks.

PLP moves weights by 7/6 of what SGD would where updates change slowly. So there
is a third arm, the control: SGD at 7/6 of the learning rate.

```
python examples/reproduce_plp.py --output plp --seeds 10
```

runs all of it, on a GPU, on any backend of Keras; `keras.datasets.cifar100`
downloads the images unless `--data` names an `.npz` file of them. Run again
after an interruption, it goes on with the run that was cut short.

With `--small` networks have a quarter of the width and train for five epochs.
The file in `--data` decides the classes; that of docs/plp.md has 20. Two CPU
cores are done with three seeds in some hours:

```
python examples/reproduce_plp.py --small --output plp_small --seeds 3 \
    --data cifar100_20.npz --processes 2
```
"""

import argparse
import concurrent.futures
import csv
import io
import itertools
import json
import math
import os
import pathlib
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_amto import plots
from keras_amto.applications import VGG16
from keras_amto.applications import GoogLeNet
from keras_amto.applications import ResNet18
from keras_amto.experiments.results import write_whole
from keras_amto.optimizers import LinearPrediction
from keras_amto.plots.canvas import save_picture
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import summarise

"""
## Networks, arms and parts

VGG16 and GoogLeNet have batch normalisation: without it they do not leave
chance from random weights at these learning rates.
"""

NETWORKS = {
    "vgg16": lambda **kw: VGG16(batch_normalization=True, **kw),
    "resnet18": ResNet18,
    "googlenet": lambda **kw: GoogLeNet(batch_normalization=True, **kw),
}
ARMS = ("sgd", "linear_prediction", "sgd_7_6")
PARTS = ("cyclic", "constant")
RATE = 0.001
SMALL = {"width": 0.25, "epochs": 5, "batch_size": 32}
FULL = {"width": 1.0, "epochs": 100, "batch_size": 128}


@keras.saving.register_keras_serializable(package="keras_amto_examples")
class CyclicRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from a rate to its double and falls again, in straight lines.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV
    2017, the triangular policy.
    """

    def __init__(self, rate, half_cycle):
        super().__init__()
        self.rate, self.half_cycle = rate, half_cycle

    def __call__(self, step):
        position = keras.ops.cast(step, "float32") / self.half_cycle
        down = keras.ops.abs(position % 2 - 1)
        return self.rate * (2 - down)

    def get_config(self):
        return {"rate": self.rate, "half_cycle": self.half_cycle}


def make_optimizer(arm, part, steps):
    """Returns the optimizer of an arm, for so many steps in all."""
    rate = RATE * (7 / 6 if arm == "sgd_7_6" else 1)
    if part == "cyclic":
        rate = CyclicRate(rate, max(1, steps // 20))
    sgd = keras.optimizers.SGD(rate, momentum=0.9, weight_decay=1e-4)
    return LinearPrediction(sgd) if arm == "linear_prediction" else sgd


"""
## Data

A fifth of the training images is held out. Of the epochs, the one of highest
accuracy on these gives the network that is tested.
"""


def load_images(path):
    """Returns training and test images of uint8, with their classes."""
    if path is None:
        sets = keras.datasets.cifar100.load_data()
        return [(x, y.reshape(-1)) for x, y in sets]
    if os.path.isdir(path):
        path = os.path.join(path, "cifar100.npz")
    with np.load(path) as file:
        return [
            (file[f"x_{part}"], file[f"y_{part}"].reshape(-1).astype("int64"))
            for part in ("train", "test")
        ]


def run(options, network, part, arm, seed):
    """Trains one network, and returns its figures on the test set."""
    (x, y), test = load_images(options.data)
    classes = int(y.max()) + 1
    order = np.random.default_rng(seed).permutation(len(x))
    held, rest = np.split(order, [len(x) // 5])
    keras.utils.set_random_seed(seed)
    base = NETWORKS[network](
        classes=classes, width=options.width, input_shape=x.shape[1:]
    )
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), keras.layers.Rescaling(1 / 127.5, -1), base]
    )
    steps = options.epochs * math.ceil(len(rest) / options.batch_size)
    model.compile(
        make_optimizer(arm, part, steps),
        "sparse_categorical_crossentropy",
        metrics=[
            "accuracy",
            keras.metrics.SparseTopKCategoricalAccuracy(5, name="top_5"),
        ],
    )
    best = BestWeights()
    begin = time.perf_counter()
    history = model.fit(
        x[rest],
        y[rest],
        batch_size=options.batch_size,
        epochs=options.epochs,
        validation_data=(x[held], y[held]),
        callbacks=[best],
        verbose=0,
    )
    seconds = time.perf_counter() - begin
    model.set_weights(best.weights)
    figures = model.evaluate(*test, verbose=0, return_dict=True)
    return {
        "network": network,
        "part": part,
        "arm": arm,
        "seed": seed,
        "accuracy": figures["accuracy"],
        "top_1_error": 1 - figures["accuracy"],
        "top_5_error": 1 - figures["top_5"],
        "seconds": seconds,
        "curve": history.history["val_accuracy"],
    }


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of highest validation accuracy."""

    def __init__(self):
        super().__init__()
        self.highest, self.weights = -1.0, None

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_accuracy"] > self.highest:
            self.highest = logs["val_accuracy"]
            self.weights = self.model.get_weights()


"""
## All runs

Each is a process of its own, and leaves a file.
"""


def path_of(options, *key):
    """The file of a run."""
    return options.output / "runs" / f"{'-'.join(map(str, key))}.json"


def keep_settings(options):
    """Writes what all runs have in common, or checks that it is the same."""
    names = ("data", "width", "epochs", "batch_size")
    settings = {name: getattr(options, name) for name in names}
    path = options.output / "settings.json"
    if not path.exists():
        write_whole(path, json.dumps(settings).encode())
    before = json.loads(path.read_text())
    if before != settings:
        raise SystemExit(
            f"{options.output} holds runs of other settings. "
            f"Received: {settings}. Expected: {before}, or another --output."
        )


def run_all(options):
    """Runs what is missing, some at a time."""
    keys = list(
        itertools.product(
            range(options.seeds), options.networks, options.parts, ARMS
        )
    )
    keys = [(*rest, seed) for seed, *rest in keys]
    missing = [key for key in keys if not path_of(options, *key).exists()]

    def start(key):
        command = [sys.executable, __file__, *options.arguments, "--only", *key]
        environment = dict(os.environ)
        threads = max(1, (os.cpu_count() or 1) // options.processes)
        if options.processes > 1:
            environment.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        subprocess.run(list(map(str, command)), env=environment, check=True)
        print(f"{' '.join(map(str, key))}: done", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.processes) as executor:
        list(executor.map(start, missing))


def all_runs(options):
    """Reads all runs that are done, also those that were not asked for."""
    paths = (options.output / "runs").glob("*.json")
    order = list(itertools.product(NETWORKS, PARTS, ARMS))
    return sorted(
        (json.loads(path.read_text()) for path in paths),
        key=lambda run: (
            run["seed"],
            order.index((run["network"], run["part"], run["arm"])),
        ),
    )


"""
## The table

It is made of `runs.csv`, which has everything of a run, its curve too.
Differences are paired by seed. Fewer than six seeds cannot have p below 0.05 in
the sign-flip test, so three are no verdict.
"""


FIGURES = ("accuracy", "top_1_error", "top_5_error", "seconds")
KEY = ("network", "part", "arm", "seed")


def to_csv(results):
    """Returns all results as text."""
    file = io.StringIO()
    columns = [*KEY, *FIGURES, "curve"]
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for each in results:
        curve = " ".join(map(str, each["curve"]))
        writer.writerow(each | {"curve": curve})
    return file.getvalue()


def of_csv(path):
    """Reads what `to_csv` has written."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["seed"] = int(row["seed"])
        row["curve"] = [float(value) for value in row["curve"].split()]
        row.update({name: float(row[name]) for name in FIGURES})
    return rows


def scores_of(results, network, part, arm, figure="accuracy"):
    """A figure by seed, in percent."""
    return {
        each["seed"]: 100 * each[figure]
        for each in results
        if (each["network"], each["part"], each["arm"]) == (network, part, arm)
    }


def groups_of(results):
    """Returns each network and part of which every arm has run."""
    found = {(each["network"], each["part"], each["arm"]) for each in results}
    return [
        group
        for group in itertools.product(NETWORKS, PARTS)
        if all((*group, arm) in found for arm in ARMS)
    ]


def table(results):
    """Returns the lines of the table."""
    lines = [
        "| network | learning rate | arm | seeds | test accuracy, % "
        "| standard error | top-1 error | top-5 error | less sgd_7_6, points "
        "| p |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (network, part), arm in itertools.product(groups_of(results), ARMS):
        scores = scores_of(results, network, part, arm)
        top_1, top_5 = (
            summarise(scores_of(results, network, part, arm, name)).mean / 100
            for name in ("top_1_error", "top_5_error")
        )
        lead = difference(scores, scores_of(results, network, part, "sgd_7_6"))
        cells = ("-", "-") if arm == "sgd_7_6" else (
            f"{lead.mean:+.2f}", p_text(lead.p)
        )  # fmt: skip
        found = summarise(scores)
        lines.append(
            f"| {network} | {part} | {arm} | {found.seeds} | {found.mean:.2f} "
            f"| {found.standard_error:.2f} | {top_1:.4f} | {top_5:.4f} "
            f"| {' | '.join(cells)} |"
        )
    return lines


def draw(results):
    """Draws mean validation accuracy by epoch, a panel for each group."""
    from matplotlib import pyplot

    groups = groups_of(results)
    figure, panels = pyplot.subplots(
        1, len(groups), figsize=(3.4 * len(groups), 3.2), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (network, part) in zip(panels[0], groups, strict=True):
        for number, arm in enumerate(ARMS):
            curves = [
                each["curve"]
                for each in results
                if (each["network"], each["part"], each["arm"])
                == (network, part, arm)
            ]
            means = 100 * np.mean(curves, axis=0)
            epochs = range(1, len(means) + 1)
            colour = plots.canvas.colours(len(ARMS))[number]
            ax.plot(epochs, means, "os^"[number] + "-", label=arm,
                    color=colour, markersize=3)  # fmt: skip
        ax.set(title=f"{network}, {part}", xlabel="epoch")
    panels[0][0].set_ylabel("validation accuracy (%)")
    panels[0][0].legend(fontsize=8)
    return panels[0][0]


def main(arguments=None):
    parser = argparse.ArgumentParser(description="The experiment of PLP.")
    add = parser.add_argument
    add("--output", type=pathlib.Path, required=True)
    add("--data", help="an .npz file, or a directory with cifar100.npz")
    add("--seeds", type=int, default=10)
    add("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    add("--parts", nargs="+", default=PARTS, choices=PARTS)
    add("--small", action="store_true", help="for two CPU cores")
    add("--width", type=float)
    add("--epochs", type=int)
    add("--batch-size", type=int)
    add("--processes", type=int, default=1, help="runs at a time")
    add("--only", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.arguments = list(sys.argv[1:] if arguments is None else arguments)
    for name, value in (SMALL if options.small else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.only:
        *key, seed = options.only
        outcome = run(options, *key, int(seed))
        write_whole(
            path_of(options, *options.only), json.dumps(outcome).encode()
        )
        return []
    keep_settings(options)
    run_all(options)
    path = options.output / "runs.csv"
    write_whole(path, to_csv(all_runs(options)).encode())
    results = of_csv(path)
    lines = table(results)
    write_whole(options.output / "table.md", "\n".join(lines).encode())
    save_picture(lambda: draw(results), options.output / "curves.png", "png")
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
