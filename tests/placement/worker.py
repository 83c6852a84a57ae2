"""One worker process of several, since that is what they are.

    TF_CONFIG=... python -m tests.placement.worker DIRECTORY [options]

Trains as `training` does and writes what the run has come to in this process.
"""

import argparse
import json
import os
import pathlib
import sys
import time

import keras
import tensorflow as tf

import keras_amto
from tests.data import digits
from tests.placement import training

BIG = 512  # units that make a state of some megabytes


class Says(keras_amto.callbacks.RoundCallback):
    """Leaves word of every round, and may end the process or the training."""

    reads_network = False

    def __init__(self, directory, rank, options):
        super().__init__()
        self.directory, self.rank, self.options = directory, rank, options
        self.bytes = []

    def on_round_begin(self, round):
        self.begin = bytes_over_loopback()

    def on_round_end(self, round, record):
        (self.directory / f"round-{self.rank}").write_text(str(round))
        self.bytes.append(bytes_over_loopback() - self.begin)
        if (self.rank, round) == self.options.stop_at:
            self.model.stop_training = True
        if (self.rank, round) == self.options.raise_at:
            raise ArithmeticError("enough of this")
        time.sleep(self.options.slow)


def bytes_over_loopback():
    """All that was sent over the loopback interface of this machine."""
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == "lo":
            return int(counts.split()[8])
    raise RuntimeError("There is no loopback interface.")


def big_network():
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(BIG, "relu"),
            keras.layers.Dense(BIG, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def slow_down_writing():
    """Lets a backup be on its disk a second after it is written."""
    replace = os.replace

    def slowly(source, target):
        if str(target).endswith(".backup"):
            time.sleep(1)
        replace(source, target)

    os.replace = slowly


def pair(text):
    return tuple(map(int, text.split(":")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--big", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--backup", action="store_true")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--num-tasks", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--in-scope", action="store_true")
    parser.add_argument("--no-seed", action="store_true")
    parser.add_argument("--other-data", type=int, default=-1)
    parser.add_argument("--stop-at", type=pair, default=None)
    parser.add_argument("--raise-at", type=pair, default=None)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--slow-disk", type=int, default=-1)
    options = parser.parse_args()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rank = strategy.cluster_resolver.task_id
    tf.config.experimental.enable_op_determinism()
    if rank == options.slow_disk:
        slow_down_writing()
    if options.big:
        training.make_network = big_network
    settings = {"num_tasks": options.num_tasks}
    if options.no_seed:
        settings["seed"] = None
    if options.in_scope:
        with strategy.scope():
            model = training.make_model(**settings)
    else:
        model = training.make_model(strategy, **settings)
    if options.no_seed:  # nor equal networks
        keras.utils.set_random_seed(rank)
        for variable in model.best_model.trainable_variables:
            variable.assign(keras.random.normal(variable.shape) * 0.1)
    says = Says(options.directory, rank, options)
    callbacks = [says]
    if options.backup:
        callbacks.append(
            keras_amto.PopulationBackup(options.directory / "backup")
        )
        callbacks += [
            keras.callbacks.CSVLogger(options.directory / "log.csv"),
            keras.callbacks.ModelCheckpoint(options.directory / "best.keras"),
            keras.callbacks.TensorBoard(options.directory / "logs"),
            keras.callbacks.EarlyStopping(
                "loss", patience=99, restore_best_weights=True
            ),
        ]
    arguments = {}
    if options.clean:
        x, y = digits(200)
        arguments = {"validation_data": (x[150:], y[150:])}
    if rank == options.other_data:
        training.digits = lambda size: digits(size - 1)
    try:
        training.train(model, callbacks, options.epochs, **arguments)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise
    mine = model.placement.tasks_of(rank)
    outcome = training.result(model, mine)
    outcome |= {
        "bytes": says.bytes,
        "state": 4 * (model.count_params() + sum(
            keras.ops.size(v) for v in model.optimizer.variables
        )).__int__(),
        "rounds": len(model.ledger),
        "placement": str(model.placement),
    }  # fmt: skip
    if options.again:
        outcome["again"] = training.result(training.train_again(model), mine)
    (options.directory / f"result-{rank}.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
