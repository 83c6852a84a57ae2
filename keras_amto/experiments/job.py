"""What `train` trains: images, a network, and settings for them."""

import dataclasses
import os
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import keras

from keras_amto.datasets import NAMES
from keras_amto.experiments.data import load_images
from keras_amto.experiments.defaults import FolderFacts
from keras_amto.experiments.defaults import image_side
from keras_amto.experiments.defaults import look_at
from keras_amto.experiments.defaults import settings_for
from keras_amto.experiments.networks import image_size_of
from keras_amto.experiments.networks import make_network
from keras_amto.experiments.settings import OF_TASKS
from keras_amto.experiments.settings import RunSettings

NETWORK = "mobilenet_v2"  # where none is named
Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A run that can begin.

    Attributes:
        images: The gross training set, as `load_images` returns it.
        tests: The test set likewise.
        class_names: Strings.
        network: The `keras.Model`.
        model: String, the name of the network, or its file.
        weights: Where its weights are from, or `None`.
        image_size: Integer, pixels a side.
        settings: The settings of the run.
    """

    images: Any
    tests: Any
    class_names: tuple[str, ...]
    network: keras.Model
    model: str
    weights: Path | None
    image_size: int
    settings: RunSettings


def prepare(
    data: str,
    given: Mapping[str, Any],
    model: str | None,
    weights: Path | None,
    image_size: int | None,
    data_dir: Path | None,
    preset: str | None,
) -> Job:
    """Loads images, makes the network, and says what it has decided.

    The arguments are those of `train`.
    """
    name, seed = model or NETWORK, int(given.get("seed", 0))
    size = image_size_of(name, image_size)
    facts: FolderFacts | None = None
    if preset is None and data not in NAMES:
        facts = look_at(load_images(data, size, seed), data)
        if image_size is None and not name.endswith(".keras"):
            size = image_side(facts)
    images, tests, names = load_images(data, size, seed, data_dir)
    keras.utils.set_random_seed(seed)
    shape = (size, size, 3)
    if model is None and weights is None:
        network, weights = _default_network(shape, len(names))
    else:
        network = make_network(name, shape, len(names), weights)
    decided: dict[str, Any] = {}
    if facts is not None:
        knows = weights is not None or name.endswith(".keras")
        decided = dict(settings_for(facts, pretrained=knows))
        if "momentum" in given:
            del decided["optimizer"]  # which takes none
        optimizer = given.get("optimizer", decided.get("optimizer"))
        if "adam" not in str(optimizer).lower():
            del decided["learning_rate"]  # which suits Adam
        if given.get("method") == "full":
            decided = {k: v for k, v in decided.items() if k not in OF_TASKS}
        decided = {k: v for k, v in decided.items() if k not in given}
        about = {"model": name, "image_size": size}
        if weights is not None:
            about["weights"] = os.fspath(weights)
        _tell(facts, about | decided)
    return Job(
        images=images,
        tests=tests,
        class_names=names,
        network=network,
        model=name,
        weights=weights,
        image_size=size,
        settings=RunSettings(**decided | dict(given)),
    )


def _default_network(
    shape: tuple[int, ...], classes: int
) -> tuple[keras.Model, Path | None]:
    """The network with its ImageNet weights, where they can be had."""
    try:
        return make_network(NETWORK, shape, classes, "imagenet"), "imagenet"
    except Exception as error:
        # Keras raises whatever the connection does.
        print(
            "ImageNet weights cannot be downloaded, so the network starts from "
            f"random ones: {' '.join(str(error).split())}",
            file=sys.stderr,
        )
        return make_network(NETWORK, shape, classes), None


def _tell(facts: FolderFacts, decided: Mapping[str, Any]) -> None:
    counts = sorted(facts.counts)
    print(
        f"{sum(counts)} images to train on, {len(counts)} classes of "
        f"{counts[0]} to {counts[-1]}, {facts.side} pixels a side."
    )
    text = " ".join(
        f"--{name.replace('_', '-')} {_text(value)}".rstrip()
        for name, value in decided.items()
    )
    print(f"So: {text}")


def _text(value: Any) -> str:
    return "" if value is True else shlex.quote(str(value))
