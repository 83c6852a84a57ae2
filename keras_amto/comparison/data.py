"""The data sets that the command line knows by name."""

import pathlib
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_amto.comparison.experiment import Array

NAMES = ("digits", "fashion_mnist", "rsscn7")
_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")


class DataSet(NamedTuple):
    """Samples of all parts of a data set together.

    Attributes:
        x: Array of images, shape `(n, height, width, channels)`; uint8 in
            [0, 255], or floats in [0, 1].
        y: Integer array of shape `(n,)`.
        classes: Integer.
    """

    x: Array
    y: Array
    classes: int


def load(name: str, path: Any = None, image_size: int | None = None) -> DataSet:
    """Loads a data set.

    Args:
        name: `"digits"` (from scikit-learn), `"fashion_mnist"` (an `.npz` file
            at `path`), `"rsscn7"` or any name for class folders at `path`, or
            the path of an `.npz` file with arrays `x` and `y`, or `x_train`,
            `y_train`, `x_test`, `y_test`, which are put together.
        path: Where the data are, for the names that need it. Defaults to
            `None`.
        image_size: Integer, to which images of class folders are resized.
            Defaults to `None`, 96.

    Raises:
        ValueError: if the name is unknown, or nothing is found there.
    """
    if name == "digits":
        return _digits()
    if name == "rsscn7":
        return _folders(_required(name, path), image_size or 96)
    source = pathlib.Path(
        _required(name, path) if name == "fashion_mnist" else name
    )
    if source.suffix == ".npz" and source.is_file():
        return _arrays(source)
    raise ValueError(
        f"There are no such data. Received: {str(source)!r}. "
        f"Expected: one of {NAMES}, or the path of an .npz file."
    )


def _required(name: str, path: Any) -> pathlib.Path:
    if path is None:
        raise ValueError(
            f"The data set {name!r} is read from a path. Received: none. "
            "Expected: --data-path."
        )
    return pathlib.Path(path)


def _digits() -> DataSet:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images = (x / 16).astype("float32").reshape(-1, 8, 8, 1)
    return DataSet(images, y.astype("int64"), 10)


def _arrays(path: pathlib.Path) -> DataSet:
    with np.load(path) as file:
        names = set(file.files)
        if {"x", "y"} <= names:
            x, y = file["x"], file["y"]
        elif {"x_train", "y_train", "x_test", "y_test"} <= names:
            x = np.concatenate([file["x_train"], file["x_test"]])
            y = np.concatenate([file["y_train"], file["y_test"]])
        else:
            raise ValueError(
                f"The file lacks arrays. Received: {sorted(names)}. Expected: "
                "x and y, or x_train, y_train, x_test and y_test."
            )
    y = y.reshape(len(y)).astype("int64")
    return DataSet(x[..., None] if x.ndim == 3 else x, y, int(y.max()) + 1)


def _folders(path: pathlib.Path, image_size: int) -> DataSet:
    folders = sorted(each for each in path.glob("*") if each.is_dir())
    files = [
        (image, label)
        for label, folder in enumerate(folders)
        for image in sorted(folder.iterdir())
        if image.suffix.lower() in _SUFFIXES
    ]
    if not files:
        raise ValueError(
            "There are no class folders of images. Received: "
            f"{str(path)!r}. Expected: a directory with one folder for each "
            "class."
        )
    x = np.empty((len(files), image_size, image_size, 3), np.uint8)
    for number, (image, _) in enumerate(files):
        x[number] = keras.utils.img_to_array(
            keras.utils.load_img(
                image,
                target_size=(image_size, image_size),
                interpolation="bilinear",
            )
        )
    y = np.array([label for _, label in files], np.int64)
    return DataSet(x, y, len(folders))
