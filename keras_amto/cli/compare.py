"""`python -m keras_amto compare`: AMTO beside arms of equal cost."""

import argparse
import pathlib
from typing import Any

from keras_amto.arm_texts import ARM_TEXTS

HELP = "Compare AMTO with other ways to spend the same data and time."

_ARMS = "\n".join(f"  {name:<14}{text}" for name, text in ARM_TEXTS.items())

EXAMPLES = f"""\
examples:
  keras_amto compare --output results/digits --seeds 20
  keras_amto compare --output results/fashion --data fashion_mnist \\
      --data-path fashion_mnist.npz --network cnn --train-size 2000

Every arm gets the same seeds, gross sets and starting weights, and is tested on
everything that was not in the gross set. Run again after an interruption, it
goes on where it was. The output directory gets:
  report.md       tables with t intervals and p-values, and pictures
  runs.csv        every run; runs.json likewise
  amto-seed_0/    and others: for `keras_amto report`

arms:
{_ARMS}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    _add_data(parser)
    _add_training(parser)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="for the results")
    add(
        "--report-only",
        action="store_true",
        help="train nothing: write tables and pictures anew from DIR",
    )
    add(
        "--data",
        default="digits",
        metavar="NAME_OR_NPZ",
        help="digits, fashion_mnist, rsscn7, or an .npz file with x and y "
        "(default: %(default)s)",
    )
    add(
        "--data-path",
        metavar="PATH",
        help="where fashion_mnist (a file) or rsscn7 (a folder) is",
    )
    add(
        "--train-size",
        type=int,
        default=1000,
        metavar="N",
        help="samples of a gross set (default: %(default)s)",
    )
    add(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="for rsscn7 (default: 96)",
    )
    add(
        "--network",
        default="mlp",
        metavar="NAME",
        help="mlp, cnn, mobilenet_v2, squeezenet, or module:function, which "
        "is called with an input shape and a number of classes "
        "(default: %(default)s)",
    )
    add(
        "--weights",
        metavar="PATH",
        help="ImageNet weights without the top, for mobilenet_v2 and "
        "squeezenet (default: random ones)",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    def add(name: str, default: Any, says: str, **kwargs: Any) -> None:
        parser.add_argument(
            name,
            default=default,
            help=f"{says} (default: %(default)s)",
            **({"type": type(default)} | kwargs),
        )

    parser.add_argument("--arms", nargs="+", metavar="ARM", help="default: all")
    says = "how many, or a list such as 3,4,5; a verdict needs six"
    add("--seeds", 3, says, type=_seeds)
    add("--steps", 900, "training steps of each network")
    add("--num-tasks", 4, "M")
    add("--transfer-interval", 50, "c, in steps")
    add("--batch-size", 64, "samples of a step")
    add("--validation-split", 0.1, "share of a task's validation set")
    add("--holdout-split", 0.1, "share of the holdout of amto_holdout")
    add(
        "--optimizer",
        "sgd",
        "sgd (with Nesterov momentum), or the name of another of Keras",
    )
    add("--learning-rate", 0.05, "of the optimizer")
    add("--momentum", 0.9, "of sgd")


def _seeds(text: str) -> int | list[int]:
    if "," in text:
        return [int(part) for part in text.split(",") if part]
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Compares, and prints the table."""
    from keras_amto.comparison import compare
    from keras_amto.comparison.data import load
    from keras_amto.comparison.networks import network_for
    from keras_amto.comparison.summary import write_summary
    from keras_amto.optimizers.named import named_optimizer

    directory = pathlib.Path(options.output)
    if options.report_only:
        comparison = write_summary(directory)
    else:
        data = load(options.data, options.data_path, options.image_size)
        comparison = compare(
            network_for(options.network, data, options.weights),
            data.x,
            data.y,
            directory,
            train_size=options.train_size,
            arms=options.arms or tuple(ARM_TEXTS),
            seeds=options.seeds,
            steps=options.steps,
            num_tasks=options.num_tasks,
            transfer_interval=options.transfer_interval,
            batch_size=options.batch_size,
            validation_split=options.validation_split,
            holdout_split=options.holdout_split,
            optimizer=named_optimizer(
                options.optimizer, options.learning_rate, options.momentum
            ),
        )
    print(f"\n{comparison}\n\n{directory / 'report.md'}")
