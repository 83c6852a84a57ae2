"""
Title: Training on several machines with AMTO
Author: The keras_amto developers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: One script, which uses the devices of other machines.
"""

r"""
## Introduction

The script runs on one machine, the controller. Every other machine runs a
TensorFlow server, whose devices train like those of the controller: a chosen
donor's network goes straight from the machine that has it to the one that wants
it. Callbacks, backups and the progress bar exist once, on the controller.

TensorFlow's servers authenticate nobody and encrypt nothing. Use a network that
you trust, or a tunnel.

### Two servers on this machine

```
python -m keras_amto serve --address localhost:12345 &
python -m keras_amto serve --address localhost:23456 &
python examples/multi_worker.py --workers localhost:12345 localhost:23456
kill %1 %2
```

### SLURM and Kubernetes

`examples/clusters/slurm.sh` and `examples/clusters/kubernetes.yaml` start the
servers and the script.

If a machine is lost, training goes on without it, and the result is the same.
If the controller is lost, start the script again: with a `PopulationBackup` it
continues on the servers, which have stayed.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from sklearn.datasets import load_digits

import keras_amto

"""
## A network and its data

The data are loaded here and sent to each machine once.
"""


def load_data():
    """Returns digits to train on, and others to test with."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    return (x[:1000], y[:1000]), (x[1000:], y[1000:])


def make_network():
    """A small classifier."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


"""
## One script

Connect first: TensorFlow can no longer train what was built before. Without
other machines the script runs on this one alone.
"""


def main(arguments=None):
    """Trains on all machines, and writes the winner."""
    parser = argparse.ArgumentParser(description="AMTO on several machines.")
    parser.add_argument("--workers", nargs="*", default=[], metavar="HOST:PORT")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--num-tasks", type=int, default=4)
    parser.add_argument("--backup", help="a directory that survives")
    parser.add_argument("--export", help="where to write the winner")
    options = parser.parse_args(arguments)

    cluster = None
    if options.workers:
        cluster = keras_amto.distribution.connect(options.workers)
    model = keras_amto.AMTOModel(
        make_network(),
        num_tasks=options.num_tasks,
        transfer_interval=20,
        seed=0,
        strategy=cluster,
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    print(model.placement)

    callbacks = [keras_amto.AMTOCallback(patience=10)]
    if options.backup:
        callbacks.append(keras_amto.PopulationBackup(options.backup))
    train, test = load_data()
    model.fit(*train, epochs=options.epochs, verbose=2, callbacks=callbacks)

    loss, accuracy = model.evaluate(*test, verbose=0)
    print(f"winner: task {model.best_task}, test accuracy {accuracy:.4f}")
    if options.export:
        model.export(options.export)
    return model


if __name__ == "__main__":
    main()
