"""`python -m keras_amto train`: a network on a folder of images."""

import argparse
import dataclasses
from typing import Any

from keras_amto.choices import ACCEPTANCES
from keras_amto.choices import ANSWERS
from keras_amto.choices import DATA_SETS
from keras_amto.choices import METHODS
from keras_amto.choices import STOP_WHEN
from keras_amto.choices import TRANSFERS
from keras_amto.cli.output import standard_output
from keras_amto.experiments.settings import DECIDED
from keras_amto.experiments.settings import PAPER
from keras_amto.experiments.settings import RunSettings

HELP = "Train a network on images with AMTO, and save the winner."

EXAMPLES = """\
examples:
  keras-amto train photos
  keras-amto train photos --method full --time-limit 2h
  keras-amto train photos --model mobilenet_v2 --weights imagenet \\
      --output runs/photos
  keras-amto train rsscn7 --data-dir RSSCN7 --model squeezenet \\
      --weights squeezenet_notop.h5 --preset paper --output runs/paper
  keras-amto train photos --model runs/photos/winner.keras \\
      --learning-rate 1e-4 --max-steps 200 --output runs/photos_2
  keras-amto train photos --plan

A random fifth of a folder's images is kept for the test. For a folder, what is
not given is decided by how many images each class has and how large they are;
the command says what. The output directory gets:
  metrics.json    of the winner, on the test images
  winner.keras    the winner, or what --answer says, a plain Keras model
  saved_model/    the same for serving: takes RGB images in [0, 255]
  classes.txt     the names of its outputs
  settings.json   all settings
and, but with --method full, which chooses nothing and has no rounds:
  finalists.json  the table it was chosen from
  ledger.jsonl    every round; history.json: every epoch
`keras_amto predict DIR IMAGE...` classifies images with it, and `keras_amto
report DIR` makes a page of a run that has rounds.
"""

_SETTINGS = {each.name: each for each in dataclasses.fields(RunSettings)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add = parser.add_argument
    add("data", metavar="DIR_OR_NAME",
        help="a folder that holds a folder of images for each class, or one "
        f"of {', '.join(DATA_SETS)}")  # fmt: skip
    add("--data-dir", metavar="DIR",
        help="where tensorflow-datasets keeps its data, for the names; for "
        "rsscn7 also its folder of class folders")  # fmt: skip
    add("--model", metavar="NAME_OR_FILE",
        help="squeezenet, any network of keras.applications such as "
        "mobilenet_v2 or DenseNet121, or a .keras file of a classifier that "
        "takes RGB values in [0, 255] and returns probabilities (default: "
        "mobilenet_v2, with its ImageNet weights where Keras can download "
        "them)")  # fmt: skip
    add("--weights", metavar="PATH",
        help="ImageNet weights without the top, or imagenet to let Keras "
        "download them (default: random ones, unless --model is left "
        "out)")  # fmt: skip
    add("--image-size", type=int, metavar="PIXELS",
        help="a side (default: by the images of a folder, at most 224; or "
        "what a .keras file takes)")  # fmt: skip
    add("--output", metavar="DIR",
        help="for the results (default: runs/NAME_OF_THE_DATA)")  # fmt: skip
    add("--plan", action="store_true",
        help="train a few steps, and say what time, memory and disk a run "
        "takes")  # fmt: skip
    add("--json", action="store_true",
        help="print one JSON object, and all else to the standard "
        "error")  # fmt: skip
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
        if name in DECIDED:
            default += ", or by a folder's images"
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
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _seconds(text: str) -> float:
    """Reads a time: `90`, `90s`, `30m` or `2h`."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    return float(number) * units[unit]


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
    "method": {"metavar": None, "choices": METHODS},
    "time_limit": {"type": _seconds, "metavar": "TIME"},
    "flip": {
        "type": None, "metavar": None, "action": argparse.BooleanOptionalAction
    },
    "cache_dir": {"type": str, "metavar": "DIR"},
}  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Trains, tests and saves."""
    with standard_output(options.json) as show:
        names = ("model", "weights", "image_size", "data_dir", "preset")
        inputs = {name: getattr(options, name) for name in names}
        given = _given(options)
        if options.plan:
            from keras_amto.experiments.forecast import forecast

            show(forecast(options.data, given, **inputs))
            return
        from keras_amto.experiments.train import train

        for name in ("output", "overwrite", "backup"):
            inputs[name] = getattr(options, name)
        show(train(options.data, given, **inputs))


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, by the preset or one by one."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(options).items()
        if name in _SETTINGS
    }
    if "momentum" in given and given.get("optimizer", "sgd").lower() != "sgd":
        raise ValueError(
            "`momentum` is for sgd only. Received: --momentum and "
            f"--optimizer {given['optimizer']}. Expected: one of them."
        )
    return (PAPER if options.preset else {}) | given
