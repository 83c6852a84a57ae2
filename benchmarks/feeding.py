"""Does a step wait for its batch where batches are augmented?

Two tasks train a few rounds three times: without `augment`, with one that
sleeps some milliseconds a batch, and with one that sleeps where next to nothing
is trained. Where the next batch is made while a step runs, the first two
together take as long as the longer of the two parts.

    python -m benchmarks.feeding
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_amto

STEPS = 50  # of a round
BATCH_SIZE = 64


def sleeper(milliseconds: float) -> Callable[[Any], Any]:
    """Returns an `augment` that takes its time and changes nothing."""

    def wait(x: Any) -> Any:
        time.sleep(milliseconds / 1000)
        return x

    def sleep(x: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(wait, [x], x.dtype), x.shape)

    return sleep


class Clock(keras_amto.callbacks.RoundCallback):
    """Notes when rounds end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_round_end(
        self, round: int, record: keras_amto.ledger.Record
    ) -> None:
        self.ends.append(time.perf_counter())


def milliseconds_a_step(
    width: int, augment: Callable[[Any], Any] | None, rounds: int
) -> float:
    """Trains, and returns the median over rounds, without the first.

    Validation sets are of one sample, so that rounds are of steps alone.
    """
    keras.utils.set_random_seed(0)
    network = keras.Sequential([
        keras.Input((256,)), keras.layers.Dense(width, "relu"),
        keras.layers.Dense(width, "relu"), keras.layers.Dense(2, "softmax"),
    ])  # fmt: skip
    model = keras_amto.AMTOModel(
        network,
        2,
        validation_split=0.01,
        transfer_interval=STEPS,
        augment=augment,
        seed=0,
    )
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    generator = np.random.default_rng(0)
    x = generator.normal(size=(1000, 256)).astype("float32")
    y = generator.integers(0, 2, 1000)
    clock, steps = Clock(), (rounds + 1) * STEPS
    model.fit(
        x,
        y,
        batch_size=BATCH_SIZE,
        epochs=steps,
        validation_freq=steps,
        verbose=0,
        callbacks=[
            keras_amto.AMTOCallback(patience=None, max_steps=steps),
            clock,
        ],
    )
    # Each task makes its own batches, one task after the other.
    return 1000 * float(np.median(np.diff(clock.ends))) / STEPS / 2


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--milliseconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args(arguments)
    augment = sleeper(options.milliseconds)
    steps = milliseconds_a_step(options.width, None, options.rounds)
    batches = milliseconds_a_step(1, augment, options.rounds)
    both = milliseconds_a_step(options.width, augment, options.rounds)
    lines = [
        "| ms of steps | ms of batches | ms of both | beside the longer |",
        "|---:|---:|---:|---:|",
        f"| {steps:.1f} | {batches:.1f} | {both:.1f} "
        f"| {both / max(steps, batches):.2f} |",
    ]
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
