"""A training process of its own, since devices are set up once a process.

    python -m tests.placement.training RESULT DEVICES [--jit|--again|--draws]

Trains on real digits with all that keeps state, once for each number of logical
CPU devices in DEVICES (as in `1,2,8`), and writes what the runs have come to.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import keras_amto
from tests.data import digits
from tests.networks import sampler

NUM_TASKS = 4


def make_network():
    """A network with batch normalisation and dropout."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(24),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def make_model(strategy=None, jit_compile="auto", network=None, **settings):
    """Returns a compiled model, the same in every process."""
    keras.utils.set_random_seed(3)
    model = keras_amto.AMTOModel(
        (network or make_network)(),
        **(dict(num_tasks=NUM_TASKS, transfer_interval=4, seed=5) | settings),
        strategy=strategy,
    )
    return compile_model(model, jit_compile)


def compile_model(model, jit_compile="auto"):
    """Compiles with an optimizer that keeps much."""
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


def average(answer="average"):
    """A callback that asks for the average, and so for the mean of all."""
    return keras_amto.AMTOCallback(patience=None, answer=answer)


def train(model, callbacks=(), epochs=3, **arguments):
    """Trains over epochs that end inside rounds."""
    x, y = digits(150)
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
        **arguments,
    )
    return model


def train_again(model):
    """Trains on after another `compile`, which keeps the tasks' weights."""
    compile_model(model)
    return train(model, epochs=1)


def digest(arrays):
    """Stands for the very bits of some arrays."""
    content = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
    return hashlib.sha256(content).hexdigest()


def result(model, tasks=range(NUM_TASKS)):
    """Everything that a run has come to, as plain values."""
    return {
        "winner": digest(model.get_weights()),
        "weights": [w.tolist() for w in model.get_weights()],
        "optimizer": digest([v.numpy() for v in model.optimizer.variables]),
        "tasks": {str(m): digest(model.get_task_weights(m)) for m in tasks},
        "ledger": [record.to_json() for record in model.ledger],
        "history": {
            name: [float(value).hex() for value in values]
            for name, values in model.history.history.items()
        },
        "finalists": model.finalists.to_json(),
    }


def compiled_by_xla(model):
    """Whether the workers' steps are."""
    return bool(model._carried.engine._worker.model.jit_compile)


def strategy_over(count):
    """The strategy whose devices a test places tasks on."""
    names = [f"CPU:{i}" for i in range(count)]
    if count == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    return tf.distribute.MirroredStrategy(names)


def split_cpu(count):
    """Makes the CPU appear as several devices, before it is first used."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * count
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=pathlib.Path)
    parser.add_argument("devices")
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--draws", action="store_true")
    parser.add_argument("--merge", action="store_true", help="and average")
    options = parser.parse_args()
    counts = [int(count) for count in options.devices.split(",")]
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu,
        [tf.config.LogicalDeviceConfiguration() for _ in range(max(counts))],
    )
    if not options.jit:  # with determinism on, Keras turns XLA off
        tf.config.experimental.enable_op_determinism()
    outcomes = {}
    for count in counts:
        model = train(
            make_model(
                strategy_over(count),
                options.jit or "auto",
                sampler if options.draws else make_network,
                transfer="merge" if options.merge else "replace",
            ),
            [average()] if options.merge else (),
        )
        print(model.placement, file=sys.stderr)
        outcome = result(model) | {"jit": compiled_by_xla(model)}
        if options.again:
            outcome["again"] = result(train_again(model))
        outcomes[str(count)] = outcome
    options.result.write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main()
