"""`python -m keras_amto compare`: AMTO beside arms of equal cost."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from keras_amto.cli.output import standard_output
from keras_amto.experiments.arms import ARMS

_STANDARD_ERROR = 2

HELP = "Compare AMTO with other ways to spend the same data and time."

_ARMS = "\n".join(f"  {name:<20}{arm.text}" for name, arm in ARMS.items())

EXAMPLES = f"""\
examples:
  keras-amto compare --output results/digits --seeds 20
  keras-amto compare --output results/fashion --data fashion_mnist.npz \\
      --network cnn --train-size 2000

Every arm gets the same seeds, gross sets and starting weights, and is tested on
everything that was not in the gross set. Run again after an interruption, the
command continues where it was. The output directory gets:
  report.md       tables with t intervals and p-values, and pictures
  runs.csv        every run; runs.json likewise
  amto-seed_0/    and others: for `keras-amto report`

arms:
{_ARMS}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="for the results")
    add("--processes", type=int, default=1,
        help="seeds at a time, each in a process of its own "
        "(default: %(default)s)")  # fmt: skip
    add("--report-only", action="store_true",
        help="train nothing: write tables and pictures again from "
        "DIR")  # fmt: skip
    add("--json", action="store_true",
        help="print one JSON object, with every run, and all else to the "
        "standard error")  # fmt: skip
    # Of a process that another one starts; see `_run_each`.
    add("--part", choices=("check", "training"), help=argparse.SUPPRESS)
    add("--data", default="digits", metavar="NAME_OR_PATH",
        help="digits, an .npz file with x and y, or what train takes: a folder "
        "of class folders or the name of a data set "
        "(default: %(default)s)")  # fmt: skip
    add("--data-dir", metavar="DIR", help="as --data-dir of train")
    add("--image-size", type=int, default=96, metavar="PIXELS",
        help="a side, for images (default: %(default)s)")  # fmt: skip
    add("--network", default="mlp", metavar="NAME_OR_FILE",
        help="mlp, cnn, what train takes as --model, or module:function, which "
        "is called with an input shape and a number of classes "
        "(default: %(default)s)")  # fmt: skip
    add("--weights", metavar="PATH", help="as --weights of train")
    add("--arms", nargs="+", default=tuple(ARMS), metavar="ARM",
        help="default: all")  # fmt: skip
    for name, default, says in (
        ("--train-size", 1000, "samples of a gross set"),
        ("--seeds", 6, "how many, or a list such as 3,4,5; a verdict needs "
         "six"),
        ("--steps", 900, "training steps of each network"),
        ("--num-tasks", 4, "M"),
        ("--transfer-interval", 50, "c, in steps"),
        ("--batch-size", 64, "samples of a step"),
        ("--validation-split", 0.1, "share of a task's validation set"),
        ("--holdout-split", 0.1, "share of the holdout of amto_holdout"),
        ("--optimizer", "sgd", "sgd (with Nesterov momentum), or the name of "
         "another Keras optimizer"),
        ("--learning-rate", 0.05, "of the optimizer"),
        ("--momentum", 0.9, "of sgd"),
        ("--schedule", "constant", "constant, or cosine: learning rates fall "
         "to zero"),
        ("--development-split", 0.0, "share of the samples that seeds from 100 "
         "on are tested on, and no other seed"),
    ):  # fmt: skip
        kind: Any = _seeds if name == "--seeds" else type(default)
        text = f"{says} (default: %(default)s)"
        add(name, type=kind, default=default, help=text)


def _seeds(text: str) -> int | list[int]:
    if "," in text:
        return [int(part) for part in text.split(",") if part]
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Compares, and prints the table."""
    with standard_output(options.json) as show:
        _run(options)
        if options.part is None:
            path = pathlib.Path(options.output) / "runs.json"
            runs = json.loads(path.read_text("utf-8"))
            show({"output": options.output, "runs": runs})


def _run(options: argparse.Namespace) -> None:
    directory = pathlib.Path(options.output)
    seeds = options.seeds
    if isinstance(seeds, int) and seeds > 1:
        seeds = list(range(seeds))
    if options.part is not None:
        _run_part(options)
        return
    if not options.report_only:
        if isinstance(seeds, list) and len(seeds) > 1:
            _run_each(seeds, options)
        else:
            _begin(options).finish(verbose=True)
    from keras_amto.experiments.summary import write_summary

    print(f"\n{write_summary(directory)}\n\n{directory / 'report.md'}")


def _run_part(options: argparse.Namespace) -> None:
    """What a process does for another one, which writes the tables."""
    work = _begin(options)
    if options.part == "training":
        work.finish(verbose=True)


def _run_each(seeds: list[int], options: argparse.Namespace) -> None:
    """Runs every seed in a process of its own.

    Backends keep some memory of every network that they have seen. This process
    uses none: on a GPU it would take what the others need.
    """
    from keras_amto.arguments import check_integer

    count = check_integer("processes", options.processes, 1)
    environment = dict(os.environ)
    if count > 1:
        threads = str(max(1, (os.cpu_count() or 1) // count))
        for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
            environment.setdefault(name, threads)
    command = [sys.executable, "-m", "keras_amto", *options.arguments]
    _check(command)

    def run_one(seed: int) -> int:
        # Of an option that is given twice, the last counts.
        part = ["--seeds", f"{seed},", "--part", "training"]
        return subprocess.run(
            [*command, *part],
            env=environment,
            check=False,
            stdout=_STANDARD_ERROR if options.json else None,
        ).returncode

    with concurrent.futures.ThreadPoolExecutor(count) as executor:
        statuses = list(executor.map(run_one, seeds))
    failed = [s for s, status in zip(seeds, statuses, strict=True) if status]
    if failed:
        raise RuntimeError(
            f"Some seeds have failed, for the reasons above. Received: {failed}"
            ". Expected: run the command again; it goes on where it was."
        )


def _check(command: list[str]) -> None:
    """Raises what is wrong with a command, once and not for every seed."""
    process = subprocess.run(
        [*command, "--part", "check"],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.returncode:
        *before, last = process.stderr.splitlines() or [""]
        told, mark, message = last.partition("keras-amto compare: ")
        if told or not mark:  # no mistake of the user's
            print(*before, sep="\n", file=sys.stderr)
        raise RuntimeError(message or last)


def _begin(options: argparse.Namespace) -> Any:
    from keras_amto.experiments.compare import begin
    from keras_amto.experiments.data import load_arrays
    from keras_amto.experiments.networks import make_network
    from keras_amto.optimizers.named import named_optimizer

    data = load_arrays(options.data, options.image_size, options.data_dir)
    names = (
        "train_size", "arms", "seeds", "steps", "num_tasks",
        "transfer_interval", "batch_size", "validation_split",
        "holdout_split", "schedule", "development_split",
    )  # fmt: skip
    return begin(
        lambda: make_network(
            options.network,
            data.x.shape[1:],
            data.classes,
            options.weights,
            data.x.dtype,
        ),
        *data,
        options.output,
        test_data=None,
        optimizer=named_optimizer(
            options.optimizer, options.learning_rate, options.momentum
        ),
        **{name: getattr(options, name) for name in names},
    )
