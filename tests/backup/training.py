"""A real training process that may be killed at any instant.

    python -m tests.backup.training DIRECTORY [--save-freq N] [--no-backup]

Trains on real digits with all that keeps state, and leaves everything that the
run has come to in DIRECTORY/result.json, floats written bit for bit, and the
winner's weights in DIRECTORY/winner.npz.
"""

import argparse
import hashlib
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_amto
from tests.data import digits


class Counter(keras.callbacks.Callback):
    """A callback of a user's own, with a state."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([epoch, logs["loss"]])

    def get_state(self):
        return {"epochs": self.epochs}

    def set_state(self, state):
        self.epochs = state["epochs"]


# Without, JAX's steps would not be compiled, and the plain engine would train.
JIT_COMPILE = keras.config.backend() == "jax"


def make_model(seed=0, jit_compile=JIT_COMPILE, **settings):
    """Returns a compiled model, the same in every process."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(24),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model = keras_amto.AMTOModel(
        network, **({"num_tasks": 3, "transfer_interval": 5, "seed": seed}
                    | settings)
    )  # fmt: skip
    model.compile(
        optimizer=keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


def make_callbacks(answer="winner"):
    """The callbacks that keep a state."""
    return [
        keras_amto.AMTOCallback(patience=14, stop_when="all", answer=answer),
        keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss", factor=0.7, patience=1, min_delta=0.05
        ),
        keras.callbacks.EarlyStopping(monitor="loss", patience=5),
        Counter(),
    ]


def train(
    directory,
    save_freq="round",
    backup=True,
    epochs=12,
    answer="winner",
    **settings,
):
    """Trains to the end, from a backup if there is one."""
    model, callbacks = make_model(**settings), make_callbacks(answer)
    if backup:
        callbacks.append(
            keras_amto.PopulationBackup(directory / "backup", save_freq)
        )
    x, y = digits(400)
    model.fit(
        x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=callbacks
    )
    return model, callbacks


def result(model, callbacks):
    """Everything that a run has come to, as plain values."""

    def digest(arrays):
        content = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
        return hashlib.sha256(content).hexdigest()

    return {
        "winner": digest(model.get_weights()),
        "optimizer": digest(
            [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables]
        ),
        "tasks": [digest(model.get_task_weights(m)) for m in range(3)],
        "ledger": [record.to_json() for record in model.ledger],
        "history": {
            name: [float(value).hex() for value in values]
            for name, values in model.history.history.items()
        },
        "epochs": model.history.epoch,
        "finalists": model.finalists.to_json(),
        "counter": callbacks[3].epochs,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--save-freq", default="round")
    parser.add_argument("--no-backup", action="store_true")
    parser.add_argument("--no-determinism", action="store_true")
    parser.add_argument("--jit-compile", action="store_true")
    parser.add_argument("--merge", action="store_true", help="and average")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    if keras.config.backend() == "tensorflow" and not options.no_determinism:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    save_freq = options.save_freq
    if save_freq.isdigit():
        save_freq = int(save_freq)
    model, callbacks = train(
        options.directory,
        save_freq,
        not options.no_backup,
        options.epochs,
        answer="average" if options.merge else "winner",
        transfer="merge" if options.merge else "replace",
        jit_compile=options.jit_compile or JIT_COMPILE,
    )
    outcome = result(model, callbacks)
    np.savez(options.directory / "winner.npz", *model.get_weights())
    beside = options.directory / "result.writing"
    beside.write_text(json.dumps(outcome))
    beside.replace(options.directory / "result.json")


if __name__ == "__main__":
    main()
