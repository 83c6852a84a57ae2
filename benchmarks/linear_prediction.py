"""What does `LinearPrediction` cost beside the optimizer that it wraps?

Two equal MobileNetV2 at 96 x 96 pixels, one compiled with SGD and one with SGD
in `LinearPrediction`, are trained by `keras.Model.fit` in one process. They
take turns after every few steps, a whole number of cycles, and change who goes
first, so that both meet the same noise. What else the machine does only ever
adds time, so the lower quartiles of the turns are compared; beside them stand
those of the time that processors spent on this process alone. Both networks are
warmed up; tracing is not counted.

    python -m benchmarks.linear_prediction
    python -m benchmarks.linear_prediction --network mlp --turns 100 --steps 60
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks import replica_step
from keras_amto.optimizers import LinearPrediction

BATCH_SIZE = 32
ALLOWED = 0.05  # of a step of MobileNetV2


class Case(NamedTuple):
    """A network, and the images and classes that it trains on."""

    make_model: Callable[[], keras.Model]
    make_data: Callable[[], tuple]


CASES = {
    "mlp": Case(replica_step.mlp, replica_step.digits),
    "cnn": Case(replica_step.cnn, lambda: replica_step.digits(28)),
    "mobilenet_v2": Case(
        replica_step.mobilenet, lambda: replica_step.digits(96, 3)
    ),
}


def make_model(case: Case, predicts: bool) -> keras.Model:
    """A network, compiled with or without `LinearPrediction`."""
    model = case.make_model()
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
    model.compile(
        LinearPrediction(optimizer) if predicts else optimizer,
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def train(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """One epoch."""
    model.fit(x, y, batch_size=BATCH_SIZE, verbose=0)


def measure(case: Case, steps: int, turns: int) -> np.ndarray:
    """Milliseconds a step: of each turn, without it and with it, as a clock
    on the wall and as the processors count them; of shape (turns, 2, 2)."""
    x, y = case.make_data()
    positions = np.arange(steps * BATCH_SIZE) % len(x)
    x, y = x[positions], y[positions]
    models = [make_model(case, predicts) for predicts in (False, True)]
    for model in models:
        train(model, x, y)
    seconds = np.empty((turns, 2, 2))
    for turn in range(turns):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            processors = time.process_time()
            wall = replica_step.seconds(train, models[which], x, y)
            processors = time.process_time() - processors
            seconds[turn, which] = wall, processors
    return 1000 * seconds / steps


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="mobilenet_v2", choices=CASES)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--steps", type=int, default=6, help="a turn")
    options = parser.parse_args(arguments)
    times = measure(CASES[options.network], options.steps, options.turns)
    plain, predicting = np.quantile(times, 0.25, axis=0)
    cost, processor_cost = predicting / plain - 1
    lines = [
        f"{options.turns} turns of {options.steps} steps of {BATCH_SIZE} "
        f"images, {os.cpu_count()} cores, Keras {keras.__version__} "
        f"on {keras.config.backend()}",
        "",
        "| network | SGD, ms a step | with LinearPrediction | cost "
        "| of processor time | allowed for mobilenet_v2 |",
        "|---|---|---|---|---|---|",
        f"| {options.network} | {plain[0]:.2f} | {predicting[0]:.2f} "
        f"| {cost:.1%} | {processor_cost:.1%} | {ALLOWED:.0%} |",
    ]
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
