"""`python -m keras_amto predict`: the classes of images."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_amto.arguments import check_integer
from keras_amto.datasets.folder import find_images
from keras_amto.datasets.folder import read_images
from keras_amto.report import read_json

_NEEDED = ("winner.keras", "classes.txt", "settings.json")


def predict(
    run_dir: str | os.PathLike[str], images: Sequence[str], top: int = 3
) -> list[dict[str, Any]]:
    """Classifies images with the network of a run.

    Args:
        run_dir: The output directory of `train`.
        images: Paths of files, or of folders of files.
        top: Integer, at least 1, how many classes of each image to return.
            Defaults to `3`.

    Returns:
        For each image its path, `image`, and the probabilities of its most
        likely classes by name, `classes`.
    """
    check_integer("top", top, 1)
    place = pathlib.Path(run_dir)
    missing = [name for name in _NEEDED if not (place / name).is_file()]
    if missing:
        raise ValueError(
            f"There is no complete run. Received: {os.fspath(run_dir)!r}, "
            f"without {', '.join(missing)}. "
            "Expected: the output directory of `keras_amto train`."
        )
    files = [file for each in images for file in _files(each)]
    settings = read_json(place / "settings.json")
    names = (place / "classes.txt").read_text("utf-8").splitlines()
    network = keras.models.load_model(place / "winner.keras", compile=False)
    x = read_images(files, settings["image_size"])
    shares = np.asarray(network.predict(x, verbose=0), np.float64)
    return [
        {
            "image": file,
            "classes": {
                names[c]: float(row[c]) for c in np.argsort(-row)[:top]
            },
        }
        for file, row in zip(files, shares, strict=True)
    ]


def _files(path: str) -> list[str]:
    found = pathlib.Path(path)
    if found.is_dir():
        return find_images(found)
    if not found.is_file():
        raise ValueError(
            f"There is no such image. Received: {path!r}. "
            "Expected: the path of an image, or of a folder of images."
        )
    return [path]
