"""What does a replica-step of AMTO cost beside one of `keras.Model.fit`?

For each of three networks, in one process and one run: the time of
`AMTOModel.fit` (M = 4, c = 50, everything included but tracing) over the time
of as many steps by `keras.Model.fit`, which validates as often: once every 50
steps of a replica, on a validation set of the same size. Both are warmed up, so
that neither traces while it is timed, and take turns, so that both meet the
same noise. Tracing is the time of a first `fit` of one step. Peak memory is
that of two processes of their own, beside what the issue of the project allows:
that of one `keras.Model.fit`, twelve copies of weights and optimizer
variables, and 300 MB.

    python benchmarks/replica_step.py                 # all, with memory
    python benchmarks/replica_step.py --networks mlp --repeats 1
"""

import argparse
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_amto

NUM_TASKS = 4
TRANSFER_INTERVAL = 50
VALIDATION_SPLIT = 0.1


class Case(NamedTuple):
    """A network, its data, and how long to train it."""

    make_model: Callable[[], keras.Model]
    x: np.ndarray
    y: np.ndarray
    batch_size: int
    rounds: int
    repeats: int


class Times(NamedTuple):
    """Seconds."""

    amto: float
    keras: float
    amto_tracing: float
    keras_tracing: float


def mlp() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def mobilenet() -> keras.Model:
    return keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), weights=None, classes=10
    )


def digits(side: int | None = None, channels: int = 1) -> tuple:
    """Digits as vectors, or as images of a size, and their classes."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    if side is None:
        return x, y
    images = keras.ops.image.resize(x.reshape(-1, 8, 8, 1), (side, side))
    images = keras.ops.convert_to_numpy(images)
    return np.repeat(images, channels, axis=-1), y


# Made when asked for: data that nobody trains on would count as memory.
CASES: dict[str, Callable[[], Case]] = {
    "mlp": lambda: _case(mlp, *digits(), 64, rounds=10, repeats=3),
    "cnn": lambda: _case(cnn, *digits(28), 64, rounds=2, repeats=3),
    "mobilenet_v2": lambda: _case(
        mobilenet, *digits(96, 3), 32, rounds=2, repeats=1
    ),
}


def _case(
    make_model: Callable[[], keras.Model],
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    rounds: int,
    repeats: int,
) -> Case:
    """Repeats or cuts the data, so that an epoch is exactly one round."""
    train = TRANSFER_INTERVAL * batch_size
    size = train + math.ceil(train / (1 / VALIDATION_SPLIT - 1))
    positions = np.arange(size) % len(x)
    return Case(
        make_model, x[positions], y[positions], batch_size, rounds, repeats
    )


def compile_model(model: keras.Model) -> keras.Model:
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def fit_amto(case: Case, model: keras.Model, rounds: int) -> None:
    """Trains all tasks for some rounds."""
    model.fit(
        case.x, case.y, batch_size=case.batch_size, epochs=rounds, verbose=0
    )


def fit_keras(case: Case, model: keras.Model, rounds: int) -> None:
    """Makes as many steps as M masters and M shadows, validating as often."""
    train = TRANSFER_INTERVAL * case.batch_size
    model.fit(
        case.x[:train],
        case.y[:train],
        batch_size=case.batch_size,
        epochs=2 * NUM_TASKS * rounds,
        validation_data=(case.x[train:], case.y[train:]),
        verbose=0,
    )


def short_fit_keras(case: Case, model: keras.Model) -> None:
    """One step and one validation, for the time of tracing."""
    data = (case.x, case.y)
    model.fit(*data, validation_data=data, verbose=0)


def make_amto(case: Case) -> keras.Model:
    return compile_model(
        keras_amto.AMTOModel(
            case.make_model(),
            NUM_TASKS,
            TRANSFER_INTERVAL,
            VALIDATION_SPLIT,
            seed=0,
        )
    )


def seconds(function: Callable[..., None], *args: object) -> float:
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin


def measure(case: Case) -> Times:
    """Times both, in turns."""
    amto, plain = make_amto(case), compile_model(case.make_model())
    # On one batch: what the second such fit takes is not tracing.
    short = case._replace(x=case.x[:20], y=case.y[:20])
    amto_first, amto_second = (
        seconds(fit_amto, short, amto, 1) for _ in range(2)
    )
    keras_first, keras_second = (
        seconds(short_fit_keras, short, plain) for _ in range(2)
    )
    times = [
        (
            seconds(fit_amto, case, amto, case.rounds),
            seconds(fit_keras, case, plain, case.rounds),
        )
        for _ in range(case.repeats)
    ]
    return Times(
        amto=sum(amto_seconds for amto_seconds, _ in times),
        keras=sum(keras_seconds for _, keras_seconds in times),
        amto_tracing=amto_first - amto_second,
        keras_tracing=keras_first - keras_second,
    )


def peak_memory(name: str, which: str) -> float:
    """Megabytes that a process of its own takes at most."""
    code = (
        "from benchmarks import replica_step as r; "
        f"r.train_alone({name!r}, {which!r}); print(r.high_water_mark())"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(process.stdout.split()[-1])


def high_water_mark() -> float:
    """The most memory that this process has held, in megabytes (Linux)."""
    # Not `ru_maxrss`, which a process inherits from the one that started it.
    with open("/proc/self/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmHWM"].split()[0]) / 1024


def train_alone(name: str, which: str) -> None:
    """What a process does whose memory is measured."""
    case = CASES[name]()
    if which == "amto":
        fit_amto(case, make_amto(case), 1)
    else:
        fit_keras(case, compile_model(case.make_model()), 1)


def copy_megabytes(case: Case) -> float:
    """Megabytes of one copy of the weights and the optimizer's variables."""
    model = compile_model(case.make_model())
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    return 4 * sum(math.prod(v.shape) for v in variables) / 2**20  # float32


def main(arguments: list[str] | None = None) -> list[str]:
    """Prints the tables and returns their lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(CASES))
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument(
        "--memory", action=argparse.BooleanOptionalAction, default=True
    )
    options = parser.parse_args(arguments)
    lines = [
        f"M = {NUM_TASKS}, c = {TRANSFER_INTERVAL}, "
        f"{os.cpu_count()} cores, Keras {keras.__version__} "
        f"on {keras.config.backend()}",
        "",
        "| network | replica-steps | keras.fit, ms a step | AMTO, ms a step "
        "| ratio | tracing, s: keras.fit | AMTO |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    chosen = {
        name: make_case
        for name, make_case in CASES.items()
        if options.networks is None or name in options.networks
    }

    def add(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    for name, make_case in chosen.items():
        case = make_case()
        case = case._replace(
            repeats=options.repeats or case.repeats,
            rounds=options.rounds or case.rounds,
        )
        times = measure(case)
        steps = 2 * NUM_TASKS * TRANSFER_INTERVAL * case.rounds * case.repeats
        add(
            f"| {name} | {steps} | {1000 * times.keras / steps:.2f} "
            f"| {1000 * times.amto / steps:.2f} "
            f"| {times.amto / times.keras:.2f} "
            f"| {times.keras_tracing:.1f} | {times.amto_tracing:.1f} |"
        )
    if options.memory:
        add("")
        add("| network | peak of keras.fit, MB | peak of AMTO | allowed |")
        add("|---|---|---|---|")
        for name, make_case in chosen.items():
            plain = peak_memory(name, "keras")
            amto = peak_memory(name, "amto")
            allowed = plain + 12 * copy_megabytes(make_case()) + 300
            add(f"| {name} | {plain:.0f} | {amto:.0f} | {allowed:.0f} |")
    return lines


if __name__ == "__main__":
    main()
