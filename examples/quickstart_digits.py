"""
Title: AMTO on handwritten digits
Author: The keras_amto developers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: Three ways to spend one training set, judged on unseen data.
"""

"""
## Introduction

A small data set has to serve twice: for training, and for deciding when to
stop. The conventional way splits it once. AMTO splits it M times, trains one
network on each split, and lets the networks learn from each other. Is that
worth it? We compare three ways on the 1,797 digits that come with
scikit-learn, of which 1,000 are for training and 797 are never shown to any of
them:

- **STO**, the conventional way: one split, the network of lowest validation
  loss.
- **AMTO** with four tasks: its winner.
- **full**: one network trained on all 1,000 images for as many steps as each of
  AMTO's, without any validation set. Whoever beats STO only by seeing more
  images loses to this one.

AMTO trains four masters and four shadows, so it costs eight times the steps of
`full`; on four pairs of devices it would take about as long.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_amto
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import summarise

"""
## The data and the network
"""


def load_data(seed):
    """Returns training and test images and labels, shuffled by a seed."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = (x / 16).astype("float32")[order], y[order]
    return (x[:1000], y[:1000]), (x[1000:], y[1000:])


def make_network(seed):
    """Returns the network that every way starts from, for a seed."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def compile_network(model):
    """Compiles any of them in the same way."""
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


"""
## Training

`AMTOModel` wraps a Keras model; everything else is as usual. With one task it
is the conventional way.
"""


def train_amto(seed, num_tasks, data, epochs):
    """Trains with AMTO, or conventionally with one task."""
    model = keras_amto.AMTOModel(
        make_network(seed),
        num_tasks=num_tasks,
        transfer_interval=50,
        validation_split=0.1,
        seed=seed,
    )
    compile_network(model).fit(
        *data,
        batch_size=64,
        epochs=epochs,
        verbose=0,
        callbacks=[keras_amto.AMTOCallback(patience=10)],
    )
    return model


def train_full(seed, data, steps):
    """Trains on the whole gross set for a number of steps."""
    x, y = data
    model = compile_network(make_network(seed))
    passes, rest = divmod(steps, -(-len(x) // 64))
    model.fit(x, y, batch_size=64, epochs=passes, verbose=0)
    if rest:
        some = np.random.default_rng(seed).permutation(len(x))[: 64 * rest]
        model.fit(x[some], y[some], batch_size=64, verbose=0)
    return model


"""
## Comparing

Every way starts from the same weights, and is judged on the test images alone.
A gap is shown with Student's interval and the p-value of the sign-flip test
over seeds, whose images overlap.
"""


def compare(seeds, epochs):
    """Returns test accuracies by way and seed, and the last winner."""
    accuracies = {"STO": [], "AMTO": [], "full": []}
    winner = None
    for seed in seeds:
        train, test = load_data(seed)
        sto = train_amto(seed, 1, train, epochs)
        winner = train_amto(seed, 4, train, epochs)
        full = train_full(seed, train, winner.ledger[-1].step)
        for name, model in (("STO", sto), ("AMTO", winner), ("full", full)):
            _, accuracy = model.evaluate(*test, verbose=0)
            accuracies[name].append(accuracy)
        print(
            f"seed {seed}: "
            + ", ".join(f"{n} {a[-1]:.4f}" for n, a in accuracies.items()),
            flush=True,
        )
    return accuracies, winner


def table(accuracies):
    """Returns the comparison as lines of a Markdown table."""
    lines = [
        "| way | test accuracy, % | standard error | AMTO less it, points "
        "| 95 % t interval | p |",
        "|---|---|---|---|---|---|",
    ]
    percent = {
        name: {seed: 100 * value for seed, value in enumerate(values)}
        for name, values in accuracies.items()
    }
    for name, scores in percent.items():
        way = summarise(scores)
        cells = [name, f"{way.mean:.2f}", f"{way.standard_error:.2f}"]
        if name == "AMTO":
            cells += ["-"] * 3
        else:
            gap = difference(percent["AMTO"], scores)
            cells += [
                f"{gap.mean:+.2f}",
                f"{gap.low:+.2f} to {gap.high:+.2f}",
                p_text(gap.p),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


"""
## Serving

The winner alone is exported; `examples/serve_saved_model.py` shows how to use
it without Keras.
"""


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--export", default="served/digits")
    options = parser.parse_args(arguments)
    accuracies, winner = compare(range(options.seeds), options.epochs)
    print()
    print("\n".join(table(accuracies)))
    print()
    print(winner.finalists)
    winner.export(options.export, verbose=False)
    print(f"\nThe last winner is in {options.export}, as a SavedModel.")
    return accuracies


if __name__ == "__main__":
    main()
