"""`python -m keras_amto train`: a network on a folder of images."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_amto.choices import DATA_SETS
from keras_amto.choices import STOP_WHEN
from keras_amto.run_settings import PAPER
from keras_amto.run_settings import RunSettings
from keras_amto.version import __version__

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
  winner.keras    the winner, a plain Keras model
  saved_model/    the same for serving: it takes RGB images in [0, 255]
  classes.txt     the names of its outputs
  finalists.json  the table it was chosen from
  ledger.jsonl    every round; history.json: every epoch
  settings.json   all settings
`keras_amto report DIR` makes a page of it.
"""

_PRESETS: Mapping[str, Mapping[str, Any]] = {"paper": PAPER}
_PLAIN = {field.name: field.default
          for field in dataclasses.fields(RunSettings)}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    _add_inputs(parser)
    _add_settings(parser)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        required=True,
        metavar="DIR_OR_NAME",
        help="a folder that holds a folder of images for each class, or one "
        f"of {', '.join(DATA_SETS)}",
    )
    add(
        "--data-dir",
        metavar="DIR",
        help="where tensorflow-datasets keeps its data, for the names; for "
        "rsscn7 also its folder of class folders",
    )
    add(
        "--model",
        required=True,
        metavar="NAME_OR_FILE",
        help="squeezenet, any network of keras.applications such as "
        "mobilenet_v2 or DenseNet121, or a .keras file of a classifier that "
        "takes RGB values in [0, 255] and answers with probabilities",
    )
    add(
        "--weights",
        metavar="PATH",
        help="ImageNet weights without the top, or imagenet to let Keras "
        "download them (default: random ones)",
    )
    add(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="a side (default: 224, or what a .keras file takes)",
    )
    add("--output", required=True, metavar="DIR", help="for the results")
    add(
        "--overwrite",
        action="store_true",
        help="replace the run that is in DIR, once this one is complete",
    )
    add(
        "--backup",
        metavar="DIR",
        help="keep backups there; the same command goes on from them",
    )
    add(
        "--preset",
        choices=list(_PRESETS),
        help="paper: the experiment of Zhang et al., at 224 pixels; options "
        "that are given replace its parts",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    def add(name: str, says: str, **kwargs: Any) -> None:
        key = name.removeprefix("--").replace("-", "_")
        given: dict[str, Any] = {"type": type(_PLAIN[key]), "metavar": "N"}
        parser.add_argument(
            name,
            # What was not given is not there: a preset may then decide.
            default=argparse.SUPPRESS,
            help=f"{says} ({_defaults(key)})",
            **given | kwargs,
        )

    add("--num-tasks", "M; 1 is the conventional way")
    add("--transfer-interval", "c, in steps")
    add("--batch-size", "images of a step")
    add("--max-steps", "steps of each network, unless patience ends before")
    add("--optimizer", "sgd (with Nesterov momentum), or the name of another "
        "of Keras", metavar="NAME")  # fmt: skip
    add("--learning-rate", "at the beginning", metavar="RATE")
    add("--momentum", "of sgd")
    add("--drop-at", "steps after which the learning rate drops; no step: "
        "never", type=int, nargs="*", metavar="STEP")  # fmt: skip
    add("--drop-by", "the factor of a drop")
    add("--validation-split", "share of a task's validation set")
    add("--holdout-split", "share of a clean set that selects the winner")
    add("--patience", "validations without improvement before training ends, "
        "or none", type=_patience)  # fmt: skip
    add("--stop-when", "so many tasks are out of patience",
        metavar=None, choices=STOP_WHEN)  # fmt: skip
    add("--seed", "of the test set, the splits, the batches and the top")
    add("--flip", "flip training images from left to right at random",
        type=None, metavar=None, action=argparse.BooleanOptionalAction,
        )  # fmt: skip
    add("--memory-limit", "bytes; images that take more are written to a file "
        "while training")  # fmt: skip
    add("--cache-dir", "the directory of that file", type=str,
        metavar="DIR")  # fmt: skip


def _defaults(key: str) -> str:
    says = f"default: {_text(_PLAIN[key])}"
    for preset, values in _PRESETS.items():
        if key in values:
            says += f"; {preset}: {_text(values[key])}"
    return says


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


def run(options: argparse.Namespace) -> None:
    """Trains, tests, and writes everything."""
    import keras

    from keras_amto.callbacks import PopulationBackup
    from keras_amto.image_runs import TestImages
    from keras_amto.image_runs import load_images
    from keras_amto.image_runs import load_network
    from keras_amto.image_runs import new_run
    from keras_amto.image_runs import save_results
    from keras_amto.image_runs import train_tasks

    settings = _settings(options)
    with new_run(options.output, options.overwrite) as place:
        network = load_network(
            options.model, options.image_size, options.weights
        )
        train, test, class_names = load_images(
            options.data, network.image_size, settings.seed, options.data_dir
        )
        made = network.make(len(class_names), settings.seed)
        tests = TestImages(test, settings)
        print(f"{tests.size} images are kept for the test.")
        model = train_tasks(
            made,
            train,
            settings,
            [PopulationBackup(options.backup)] if options.backup else [],
        )
        metrics = tests.evaluate(model)
        described = {
            "data": options.data,
            "model": options.model,
            "weights": options.weights,
            "image_size": network.image_size,
            "preset": options.preset,
            **dataclasses.asdict(settings),
            "test_images": tests.size,
            "keras_amto": __version__,
            "keras": keras.version(),
        }
        save_results(
            place, model, described, metrics, class_names, network.image_size
        )
    print(f"\n{model.finalists}\n")
    print(f"test accuracy {metrics['accuracy']:.4f}, "
          f"test loss {metrics['loss']:.4f}")  # fmt: skip
    print(options.output)


def _settings(options: argparse.Namespace) -> RunSettings:
    import keras

    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow. Received: the backend "
            f"{keras.config.backend()!r}. Expected: KERAS_BACKEND=tensorflow."
        )
    given = {name: value for name, value in vars(options).items()
             if name in _PLAIN}  # fmt: skip
    values = {**_PRESETS.get(options.preset, {}), **given}
    if "drop_at" in values:
        values["drop_at"] = tuple(values["drop_at"])
    settings = RunSettings(**values)
    if "momentum" in given and settings.optimizer.lower() != "sgd":
        raise ValueError(
            "`momentum` is of sgd alone. Received: --momentum and "
            f"--optimizer {settings.optimizer}. Expected: one of them."
        )
    return settings
