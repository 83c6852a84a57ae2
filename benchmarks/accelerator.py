"""What does a population cost on the device that is there?

For each network, in one process and one run, with everything warmed up by a
whole fit of the same size, whose longer time is that of compiling:

- whole calls of `AMTOModel.fit` (M = 4, so 8 replicas), all at once and one
  after another, per replica-step, over `keras.Model.fit` per step, which
  validates as often;
- the time of 8 replicas over that of one (M = 1), which by `keras.Model.fit`
  eight times is 8;
- the peak memory of the device, where it tells.

    KERAS_BACKEND=jax python -m benchmarks.accelerator
    KERAS_BACKEND=jax python -m benchmarks.accelerator --networks mlp \\
        --tasks 2 4 16

On a CPU MobileNetV2 is left out unless it is named: XLA is slow there.
"""

import argparse
import time
from collections.abc import Callable

import keras
import numpy as np

import keras_amto
from benchmarks.replica_step import CASES
from benchmarks.replica_step import TRANSFER_INTERVAL
from benchmarks.replica_step import VALIDATION_SPLIT
from benchmarks.replica_step import Case
from benchmarks.replica_step import _case
from benchmarks.replica_step import compile_model
from benchmarks.replica_step import seconds


def transformer() -> keras.Model:
    """An encoder of two blocks of width 64 on sequences of 32."""
    inputs = keras.Input((32,), dtype="int32")
    x = keras.layers.Embedding(1000, 64)(inputs)
    for _ in range(2):
        y = keras.layers.LayerNormalization()(x)
        x = x + keras.layers.MultiHeadAttention(4, 16)(y, y)
        y = keras.layers.LayerNormalization()(x)
        y = keras.layers.Dense(128, activation="gelu")(y)
        x = x + keras.layers.Dense(64)(y)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, keras.layers.Dense(10, "softmax")(x))


def sequences(size: int = 1800) -> tuple:
    """Random words, and a class that their first one decides."""
    x = np.random.default_rng(0).integers(0, 1000, (size, 32), dtype=np.int32)
    return x, x[:, 0] % 10


NETWORKS: dict[str, Callable[[], Case]] = {
    "mlp": CASES["mlp"],
    "transformer": lambda: _case(
        transformer, *sequences(), 64, rounds=1, repeats=3
    ),
    "cnn": CASES["cnn"],
    "mobilenet_v2": CASES["mobilenet_v2"],
}

WAYS = {"at once": True, "one after another": False}


def make_amto(case: Case, num_tasks: int, vectorize: bool) -> keras.Model:
    """A compiled model of some tasks."""
    settings = {}
    if keras.config.backend() == "jax":
        settings["vectorize"] = vectorize
    return compile_model(
        keras_amto.AMTOModel(
            case.make_model(),
            num_tasks,
            TRANSFER_INTERVAL,
            VALIDATION_SPLIT,
            seed=0,
            **settings,
        )
    )


def amto(case: Case, num_tasks: int, vectorize: bool) -> Callable[[], None]:
    """A fit of some tasks for a case's rounds, each time on from the last."""
    model = make_amto(case, num_tasks, vectorize)

    def fit() -> None:
        model.fit(
            case.x,
            case.y,
            batch_size=case.batch_size,
            epochs=case.rounds,
            verbose=0,
        )

    return fit


def plain(case: Case) -> Callable[[], None]:
    """A fit by Keras of as many steps as one replica makes."""
    model = compile_model(case.make_model())
    train = TRANSFER_INTERVAL * case.batch_size

    def fit() -> None:
        model.fit(
            case.x[:train],
            case.y[:train],
            batch_size=case.batch_size,
            epochs=case.rounds,
            validation_data=(case.x[train:], case.y[train:]),
            verbose=0,
        )

    return fit


def timed(fits: dict[str, Callable[[], None]], repeats: int) -> dict:
    """The best time of each, in turns, and what the first took beyond it."""
    first = {name: seconds(fit) for name, fit in fits.items()}
    times = {name: [] for name in fits}
    for _ in range(repeats):
        for name, fit in fits.items():
            times[name].append(seconds(fit))
    return {
        name: (min(each), first[name] - min(each))
        for name, each in times.items()
    }


def peak_memory() -> str:
    """What the device has held at most, in megabytes."""
    if keras.config.backend() == "jax":
        import jax

        stats = jax.local_devices()[0].memory_stats()
        if stats:
            return f"{stats['peak_bytes_in_use'] / 2**20:.0f} MB"
    return "not measured"


def is_cpu() -> bool:
    """Whether the device is a CPU, which every backend has."""
    if keras.config.backend() == "jax":
        import jax

        return jax.default_backend() == "cpu"
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    return True


def device() -> str:
    """The name of the device."""
    if keras.config.backend() == "jax":
        import jax

        return str(jax.local_devices()[0].device_kind)
    return keras.config.backend()


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the table and returns its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=list(NETWORKS),
        default=[
            name for name in NETWORKS if name != "mobilenet_v2" or not is_cpu()
        ],
    )
    parser.add_argument("--tasks", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--repeats", type=int)
    options = parser.parse_args(arguments)
    lines = [
        f"c = {TRANSFER_INTERVAL}, Keras {keras.__version__} on "
        f"{keras.config.backend()}, {device()}",
        "",
        "| network | how | replicas | ms a replica-step | over keras.fit "
        "| time over that of one replica | compiling, s |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for name in options.networks:
        case = NETWORKS[name]()
        case = case._replace(
            rounds=options.rounds or case.rounds,
            repeats=options.repeats or case.repeats,
        )
        fits, counts = {("keras.fit", 1): plain(case)}, {}
        for way in options.ways or list(WAYS):
            for tasks in options.tasks:
                counts[way, tasks] = 1 if tasks == 1 else 2 * tasks
                fits[way, tasks] = amto(case, tasks, WAYS[way])
        begin = time.perf_counter()
        times = timed(fits, case.repeats)
        steps = TRANSFER_INTERVAL * case.rounds
        base = times["keras.fit", 1][0]
        for (way, tasks), (best, compiling) in times.items():
            count = counts.get((way, tasks), 1)
            one = times.get((way, 1), (float("nan"),))[0]
            lines.append(
                f"| {name} | {way} | {count} "
                f"| {1000 * best / steps / count:.3f} "
                f"| {best / count / base:.2f} | {best / one:.2f} "
                f"| {compiling:.1f} |"
            )
            print(lines[-1], flush=True)
        lines.append(
            f"{name}: peak memory of the device {peak_memory()}, "
            f"{time.perf_counter() - begin:.0f} s in all"
        )
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
