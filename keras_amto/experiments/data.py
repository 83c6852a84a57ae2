"""Data by name or path, for `train` and for `compare`."""

import os
import pathlib
import sys
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto import datasets
from keras_amto.experiments.settings import RunSettings
from keras_amto.tasks import read_data

Array = npt.NDArray[Any]


class LabelledArrays(NamedTuple):
    """Inputs of shape `(n, ...)` and their class indices of shape `(n,)`."""

    x: Array
    y: Array

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.y.max()) + 1


def load_images(
    data: str,
    image_size: int,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    test_split: float = 0.2,
) -> datasets.ImageSets:
    """Loads images as `tf.data.Dataset`s to train on and to test with.

    Args:
        data: The path of a folder of class folders, or one of
            `datasets.NAMES`.
        image_size: Integer, pixels a side.
        seed: Integer, which draws the test set. Defaults to `0`.
        data_dir: As in `datasets.load`. Defaults to `None`.
        test_split: Float in [0, 1), the share of a folder that is for tests.
            Defaults to `0.2`.

    Raises:
        ValueError: if there are no such data, or they are incomplete.
    """
    if data in datasets.NAMES:
        return datasets.load(data, image_size, seed, data_dir)
    if not pathlib.Path(data).is_dir():
        raise ValueError(
            f"There are no such data. Received: {data!r}. Expected: a folder "
            "that holds a folder of images for each class, or one of "
            f"{datasets.NAMES}; for `compare` also 'digits' or an .npz file."
        )
    return datasets.load_folder(data, image_size, seed, test_split=test_split)


def count_images(images: Any, settings: RunSettings) -> int:
    """Decodes all images of a dataset, and returns how many there are.

    So a file that cannot be decoded is named before training and not after it.
    """
    data, _ = read_data(
        images,
        memory_limit=settings.memory_limit,
        cache_dir=settings.cache_dir,
    )
    return data.size


def load_arrays(
    data: str,
    image_size: int = 96,
    data_dir: str | os.PathLike[str] | None = None,
) -> LabelledArrays:
    """Loads all of a data set, training and test set together.

    Args:
        data: `"digits"` (from scikit-learn); the path of an `.npz` file with
            arrays `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`;
            or what `load_images` takes.
        image_size: Integer, pixels a side, for images. Defaults to `96`.
        data_dir: As in `datasets.load`. Defaults to `None`.

    Returns:
        Inputs of uint8 in [0, 255] or of floats in [0, 1], and their classes.

    Raises:
        ValueError: if there are no such data, or they are incomplete.
    """
    if data == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        images = (x / 16).astype("float32").reshape(-1, 8, 8, 1)
        return LabelledArrays(images, y.astype("int64"))
    if data.endswith(".npz") and pathlib.Path(data).is_file():
        return _read_npz(data)
    sets = load_images(data, image_size, data_dir=data_dir, test_split=0.0)
    parts = [_to_arrays(part) for part in sets[:2] if part is not None]
    return LabelledArrays(*map(np.concatenate, zip(*parts, strict=True)))


def _to_arrays(images: Any) -> LabelledArrays:
    data: Any = read_data(images, memory_limit=sys.maxsize)[0]
    return LabelledArrays(data.x, data.y.astype("int64"))


def _read_npz(path: str) -> LabelledArrays:
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
    return LabelledArrays(x[..., None] if x.ndim == 3 else x, y)
