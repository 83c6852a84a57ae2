"""What do backups after every round cost?

`AMTOModel.fit` of the networks of `replica_step.py` (M = 4, c = 50), with and
without `PopulationBackup`, in one process and in turns. A turn is one `fit`, so
that what training does not hide is in it: writing the last backup, and taking
the digests of data and settings. Beside the time stands that of the processors,
which other processes lengthen less.

    python -m benchmarks.backup
    python -m benchmarks.backup --network mlp --rounds 3
"""

import argparse
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_amto
from benchmarks import replica_step

ALLOWED = 0.05  # of a round of MobileNetV2


def fit(
    model: keras.Model,
    case: replica_step.Case,
    callbacks: list[keras.callbacks.Callback],
) -> tuple[float, float]:
    """Trains; returns the seconds of a clock and of the processors."""
    processors = time.process_time()
    seconds = replica_step.seconds(
        lambda: model.fit(
            case.x,
            case.y,
            batch_size=case.batch_size,
            epochs=case.rounds,
            verbose=0,
            callbacks=callbacks,
        )
    )
    return seconds, time.process_time() - processors


def measure(case: replica_step.Case) -> tuple[np.ndarray, int]:
    """Seconds a round, of shape (turns, 2, 2): without and with backups, by a
    clock and by the processors; and the bytes of a backup."""
    model = replica_step.make_amto(case)
    fit(model, case._replace(x=case.x[:20], y=case.y[:20]), [])
    seconds = np.empty((case.repeats, 2, 2))
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(case.repeats):
            # Left there to be weighed; another turn has another directory.
            directory = pathlib.Path(folder, str(turn))
            backup = keras_amto.PopulationBackup(
                directory, delete_checkpoint=False
            )
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                callbacks = [backup] if which else []
                seconds[turn, which] = fit(model, case, callbacks)
            size = max(p.stat().st_size for p in directory.glob("*.backup"))
    return seconds / case.rounds, size


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--network", default="mobilenet_v2", choices=replica_step.CASES
    )
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args(arguments)
    case = replica_step.CASES[options.network]()
    case = case._replace(rounds=options.rounds, repeats=options.turns)
    seconds, size = measure(case)
    plain, backed_up = seconds.mean(axis=0)
    cost, processor_cost = backed_up / plain - 1
    lines = [
        f"{options.turns} turns of {options.rounds} rounds, "
        f"{os.cpu_count()} cores, Keras {keras.__version__}",
        "",
        "| network | a backup, MB | a round, s | with backups | cost "
        "| of processor time | allowed for mobilenet_v2 |",
        "|---|---|---|---|---|---|---|",
        f"| {options.network} | {size / 2**20:.1f} | {plain[0]:.2f} "
        f"| {backed_up[0]:.2f} | {cost:.1%} | {processor_cost:.1%} "
        f"| {ALLOWED:.0%} |",
    ]
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
