"""`python -m keras_amto train`: a network on a folder of images."""

import argparse
import dataclasses
from typing import Any

from keras_amto.choices import ACCEPTANCES
from keras_amto.choices import ANSWERS
from keras_amto.choices import DATA_SETS
from keras_amto.choices import STOP_WHEN
from keras_amto.choices import TRANSFERS
from keras_amto.experiments.settings import PAPER
from keras_amto.experiments.settings import RunSettings

HELP = "Train a network on images with AMTO, and save the winner."

EXAMPLES = """\
examples:
  keras_amto train --data photos --model mobilenet_v2 --weights imagenet \\
      --output runs/photos
  keras_amto train --data rsscn7 --data-dir RSSCN7 --model squeezenet \\
      --weights squeezenet_notop.h5 --preset paper --output runs/paper
  keras_amto train --data photos --model runs/photos/winner.keras \\
      --learning-rate 1e-4 --max-steps 200 --output runs/photos_2

A random fifth of a folder's images is kept for the test. The output directory
gets:
  metrics.json    of the winner, on the test images
  winner.keras    the winner, or what --answer says, a plain Keras model
  saved_model/    the same for serving: takes RGB images in [0, 255]
  classes.txt     the names of its outputs
  finalists.json  the table it was chosen from
  ledger.jsonl    every round; history.json: every epoch
  settings.json   all settings
`keras_amto report DIR` makes a page of it.
"""

_SETTINGS = {each.name: each for each in dataclasses.fields(RunSettings)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add = parser.add_argument
    add("--data", required=True, metavar="DIR_OR_NAME",
        help="a folder that holds a folder of images for each class, or one "
        f"of {', '.join(DATA_SETS)}")  # fmt: skip
    add("--data-dir", metavar="DIR",
        help="where tensorflow-datasets keeps its data, for the names; for "
        "rsscn7 also its folder of class folders")  # fmt: skip
    add("--model", required=True, metavar="NAME_OR_FILE",
        help="squeezenet, any network of keras.applications such as "
        "mobilenet_v2 or DenseNet121, or a .keras file of a classifier that "
        "takes RGB values in [0, 255] and returns probabilities")  # fmt: skip
    add("--weights", metavar="PATH",
        help="ImageNet weights without the top, or imagenet to let Keras "
        "download them (default: random ones)")  # fmt: skip
    add("--image-size", type=int, metavar="PIXELS",
        help="a side (default: 224, or what a .keras file takes)")  # fmt: skip
    add("--output", required=True, metavar="DIR", help="for the results")
    add("--overwrite", action="store_true",
        help="replace the run in DIR, once this one is complete")  # fmt: skip
    add("--backup", metavar="DIR",
        help="keep backups there; the same command continues from "
        "them")  # fmt: skip
    add("--preset", choices=["paper"],
        help="paper: the experiment of Zhang et al., at 224 pixels; other "
        "options replace parts of it")  # fmt: skip
    for name, setting in _SETTINGS.items():
        default = f"default: {_text(setting.default)}"
        if name in PAPER:
            default += f"; paper: {_text(PAPER[name])}"
        option: dict[str, Any] = {"type": type(setting.default), "metavar": "N"}
        add(
            f"--{name.replace('_', '-')}",
            # An option that is not given is left to the preset.
            default=argparse.SUPPRESS,
            help=f"{setting.metadata['help']} ({default})",
            **option | _OPTIONS.get(name, {}),
        )


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "never"
    if value is None:
        return "the system's temporary directory"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _patience(text: str) -> int | None:
    return None if text == "none" else int(text)


# How an option is read that is not simply a number.
_OPTIONS: dict[str, dict[str, Any]] = {
    "optimizer": {"metavar": "NAME"},
    "learning_rate": {"metavar": "RATE"},
    "drop_at": {"type": int, "nargs": "*", "metavar": "STEP"},
    "patience": {"type": _patience},
    "transfer": {"metavar": None, "choices": TRANSFERS},
    "acceptance": {"metavar": None, "choices": ACCEPTANCES},
    "answer": {"metavar": None, "choices": ANSWERS},
    "stop_when": {"metavar": None, "choices": STOP_WHEN},
    "flip": {
        "type": None, "metavar": None, "action": argparse.BooleanOptionalAction
    },
    "cache_dir": {"type": str, "metavar": "DIR"},
}  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Trains, tests and saves."""
    from keras_amto.experiments.train import train

    names = ("data", "model", "output", "weights", "image_size", "data_dir",
             "preset", "overwrite", "backup")  # fmt: skip
    inputs = {name: getattr(options, name) for name in names}
    train(settings=_settings(options), **inputs)


def _settings(options: argparse.Namespace) -> RunSettings:
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(options).items()
        if name in _SETTINGS
    }
    preset = PAPER if options.preset else {}
    settings = RunSettings(**preset | given)
    if "momentum" in given and settings.optimizer.lower() != "sgd":
        raise ValueError(
            "`momentum` is for sgd only. Received: --momentum and "
            f"--optimizer {settings.optimizer}. Expected: one of them."
        )
    return settings
