"""What do data that are larger than memory cost?

`AMTOModel.fit` (M = 4, c = 50) on JPEG files of 64 pixels a side, read at 96,
with a network that costs next to nothing, so that data are what takes the time:
seconds of the first epoch, in which the files are decoded, and of the later
ones, with the samples on disk and in memory; and the peak memory of each
process beyond that of a `fit` on few files. `memory_limit` is a fifth of what
the samples take, at most 100 MiB.

    python -m benchmarks.data_on_disk
    python -m benchmarks.data_on_disk --files 2000 --epochs 2
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_amto

SIDE, CLASSES, BATCH_SIZE = 96, 4, 32
WHERE = {"disk": "on disk", "memory": "in memory"}


class Clock(keras.callbacks.Callback):
    """Notes when epochs end."""

    def __init__(self) -> None:
        super().__init__()
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.times.append(time.perf_counter())


def write_files(root: pathlib.Path, count: int) -> None:
    """Writes a folder of JPEG files for each class."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    for number in range(count):
        folder = root / str(number % CLASSES)
        folder.mkdir(exist_ok=True)
        pixels = generator.integers(0, 255, (64, 64, 3), dtype="uint8")
        content = tf.io.encode_jpeg(pixels).numpy()
        (folder / f"{number:06d}.jpg").write_bytes(content)


def fit(images: object, limit: int, **arguments: object) -> list[float]:
    """Trains; returns the seconds of each epoch."""
    network = keras.Sequential([
        keras.Input((SIDE, SIDE, 3), dtype="uint8"),
        keras.layers.Cropping2D(SIDE // 2 - 4), keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(), keras.layers.Dense(CLASSES, "softmax"),
    ])  # fmt: skip
    model = keras_amto.AMTOModel(network, 4, 50, seed=0, memory_limit=limit)
    loss = "sparse_categorical_crossentropy"
    model.compile("sgd", loss, metrics=["accuracy"])
    clock = Clock()
    model.fit(images, verbose=0, callbacks=[clock], **arguments)
    return np.diff(clock.times).tolist()


def measure(root: pathlib.Path, where: str, epochs: int) -> list[float]:
    """The seconds of each epoch, and the peak memory in MB, of one process."""

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    images = keras_amto.datasets.load_folder(
        root, SIDE, test_split=0, batch_size=BATCH_SIZE
    ).train
    fit(images.take(20), 2**40, epochs=1, steps_per_epoch=5)
    before = peak()
    samples = sum(1 for _ in root.glob("*/*.jpg")) * SIDE * SIDE * 3
    limit = 2**40 if where == "memory" else min(samples // 5, 100 * 2**20)
    seconds = fit(images, limit, epochs=epochs)
    return [*seconds, peak() - before]


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--where", choices=WHERE, help="default: both")
    parser.add_argument("--root", help=argparse.SUPPRESS)  # of one process
    options = parser.parse_args(arguments)
    if options.root is not None:
        root = pathlib.Path(options.root)
        print(*measure(root, options.where, options.epochs))
        return []
    lines = [
        f"{options.files} files, {os.cpu_count()} cores, "
        f"Keras {keras.__version__}",
        "",
        "| samples | first epoch, s | a later epoch, s | peak memory, MB |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_files(pathlib.Path(folder), options.files)
        for where in WHERE if options.where is None else [options.where]:
            process = subprocess.run(
                [sys.executable, "-m", "benchmarks.data_on_disk",
                 "--where", where, "--root", folder,
                 "--epochs", str(options.epochs)],
                check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            first, *later, peak = map(float, process.stdout.split())
            lines.append(
                f"| {WHERE[where]} | {first:.1f} | {np.mean(later):.1f} "
                f"| {peak:.0f} |"
            )
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
