"""What does the running average of all masters cost?

Four tasks train some rounds of 50 steps with `AMTOCallback(answer="average")`,
and every round counts. Then the last round's masters are added to the average
once more, a few times: the time of that is compared with a round's, and what
NumPy allocates with one set of weights.

    python -m benchmarks.average
    python -m benchmarks.average --network mlp --rounds 5
"""

import argparse
import os
import time
import tracemalloc

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_amto
from benchmarks import replica_step
from keras_amto.amto import RunState
from keras_amto.amto import average

NETWORKS = {
    "mlp": (replica_step.mlp, replica_step.digits),
    "cnn": (replica_step.cnn, lambda: replica_step.digits(28)),
    "mobilenet_v2": (
        replica_step.mobilenet, lambda: replica_step.digits(96, 3)
    ),
}  # fmt: skip
STEPS = 50
REPEATS = 5
MEGABYTE = 2**20


class Rounds(keras_amto.callbacks.RoundCallback):
    """Times rounds, and adds the masters of the last one again."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.last = rounds - 1
        self.ends: list[float] = []
        self.seconds: list[float] = []
        self.peak = 0

    def on_round_end(
        self, round: int, record: keras_amto.ledger.Record
    ) -> None:
        self.ends.append(time.perf_counter())
        if round != self.last:
            return
        carried = self.model._carried
        run: RunState = carried.run
        problem = _Problem(carried.engine)
        for _ in range(REPEATS):
            begin = time.perf_counter()
            average(run, problem, run.masters)
            self.seconds.append(time.perf_counter() - begin)
        tracemalloc.start()
        kept = average(run, problem, run.masters)
        self.held, self.peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.weights = sum(array.nbytes for array in kept.arrays)


class _Problem:
    """All that the average asks of a problem."""

    def __init__(self, engine: object) -> None:
        self.engine = engine


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="mobilenet_v2", choices=NETWORKS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    make, data = NETWORKS[options.network]
    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(make(), 4, transfer_interval=STEPS, seed=0)
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    rounds, steps = Rounds(options.rounds), options.rounds * STEPS
    stop = keras_amto.AMTOCallback(
        patience=None, max_steps=steps, answer="average", average_from=0.0
    )
    model.fit(
        *data(),
        batch_size=32,
        epochs=steps,
        validation_freq=steps,
        verbose=0,
        callbacks=[stop, rounds],
    )
    # The first holds tracing.
    of_round = float(np.median(np.diff(rounds.ends)))
    of_average = float(np.median(rounds.seconds))
    lines = [
        "| network | ms a round | ms of the average | share, % "
        "| one set of weights, MB | kept, MB | peak beside it, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
        f"| {options.network} | {1000 * of_round:.0f} "
        f"| {1000 * of_average:.1f} | {100 * of_average / of_round:.2f} "
        f"| {rounds.weights / MEGABYTE:.1f} | {rounds.held / MEGABYTE:.1f} "
        f"| {(rounds.peak - rounds.held) / MEGABYTE:.1f} |",
    ]
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
