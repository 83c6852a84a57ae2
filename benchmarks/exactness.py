"""Is a killed and continued run bit for bit the uninterrupted one, and where?

Starts real training processes of `tests/backup/training.py` on real digits,
with dropout, batch normalisation, Adam with EMA and callbacks that keep state:
two that nobody interrupts, and one that is killed with SIGKILL after some
rounds and started again. Prints, for the backend and the options given, whether
the results are equal to the last bit, and how far the winners' weights are
apart where they are not.

    python -m benchmarks.exactness                     # CPU, op determinism
    python -m benchmarks.exactness --no-determinism
    python -m benchmarks.exactness --jit-compile
    KERAS_BACKEND=jax python -m benchmarks.exactness
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]


def start(directory: pathlib.Path, *options: str) -> subprocess.Popen:
    """Starts a training process."""
    directory.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.backup.training", str(directory),
         *options],
        cwd=ROOT,
    )  # fmt: skip


def run(directory: pathlib.Path, *options: str) -> tuple[dict, list]:
    """Trains to the end; returns the result and the winner's weights."""
    if start(directory, *options).wait():
        raise RuntimeError("A training process has failed.")
    outcome = json.loads((directory / "result.json").read_text())
    with np.load(directory / "winner.npz") as file:
        return outcome, [file[name] for name in file.files]


def kill_after(directory: pathlib.Path, rounds: int, *options: str) -> None:
    """Starts a training process and kills it after some rounds."""
    process = start(directory, *options)
    ledger = directory / "backup" / "ledger.jsonl"
    while process.poll() is None:
        if ledger.exists() and len(ledger.read_text().splitlines()) >= rounds:
            process.kill()
        time.sleep(0.005)
    if (directory / "result.json").exists():
        raise RuntimeError("The process was done before it was killed.")


def difference(one: list, other: list) -> float:
    """The largest difference of two networks' weights."""
    return max(
        float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True)
    )


def main(arguments: list[str] | None = None) -> list[str]:
    """Runs and prints; returns the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--no-determinism", action="store_true")
    parser.add_argument("--jit-compile", action="store_true")
    options = parser.parse_args(arguments)
    passed = [f"--epochs={options.epochs}"]
    for name in ("no_determinism", "jit_compile"):
        if getattr(options, name):
            passed.append("--" + name.replace("_", "-"))
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        straight, weights = run(root / "1", "--no-backup", *passed)
        again = run(root / "2", "--no-backup", *passed)
        kill_after(root / "3", options.rounds, *passed)
        continued = run(root / "3", *passed)
    lines = []
    for label, (outcome, others) in (
        ("started again from the beginning", again),
        (f"killed after {options.rounds} rounds and continued", continued),
    ):
        same = "equal to the last bit"
        if outcome != straight:
            same = f"weights differ by {difference(weights, others):.1e}"
        lines.append(f"{label}: {same}")
        print(lines[-1])
    return lines


if __name__ == "__main__":
    main()
