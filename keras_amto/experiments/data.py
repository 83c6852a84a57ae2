"""Data by name or path, for `train` and for `compare`."""

import os
import pathlib
import sys
import zipfile
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto import datasets
from keras_amto.arguments import wrong_type
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


def check_samples(x: Any, y: Any, label: str = "") -> LabelledArrays:
    """Returns arrays of finite inputs and of classes, or raises.

    `label` is put before the names in messages.
    """
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray):
            expected = "a NumPy array of inputs and one of classes"
            raise wrong_type(f"{label}{name}", array, "a NumPy array", expected)
    if y.ndim != 1 or x.ndim < 1 or len(x) != len(y) or not len(x):
        raise ValueError(
            f"Inputs and classes of `{label}x` and `{label}y` do not belong "
            f"together. Received: shapes {x.shape} and {y.shape}. "
            "Expected: (n, ...) and (n,), n at least 1."
        )
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise ValueError(
            f"`{label}y` holds no class indices. Received: {y.dtype} like "
            f"{y[:1]}. Expected: integers from 0."
        )
    if x.dtype.kind in "OSU":
        raise ValueError(
            f"`{label}x` holds text or Python objects. "
            f"Received: {x.dtype}. Expected: numbers."
        )
    if x.dtype.kind == "f" and not np.isfinite([x.min(), x.max()]).all():
        raise ValueError(
            f"`{label}x` holds NaN or infinity. "
            f"Received: values from {x.min()} to {x.max()}. "
            "Expected: finite numbers."
        )
    return LabelledArrays(x, y)


def load_images(
    data: str,
    image_size: int,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    test_split: float = 0.2,
) -> datasets.ImageSets:
    """Loads a folder of class folders, or one of `datasets.NAMES`.

    `seed` draws the test set, for a folder with a share of `test_split`.
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
    """
    if data == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        x = (x / 16).astype("float32").reshape(-1, 8, 8, 1)
    elif data.endswith(".npz") and pathlib.Path(data).is_file():
        x, y = _read_npz(data)
    else:
        sets = load_images(data, image_size, data_dir=data_dir, test_split=0.0)
        parts: Any = [
            read_data(part, memory_limit=sys.maxsize)[0]
            for part in sets[:2]
            if part is not None
        ]
        x = np.concatenate([part.x for part in parts])
        y = np.concatenate([part.y for part in parts])
    # Other numbers stay what they are, and are refused where they are used.
    classes = y.astype("int64")
    return LabelledArrays(x, classes if (classes == y).all() else y)


def _read_npz(path: str) -> tuple[Array, Array]:
    with open(path, "rb") as content:
        try:
            file = np.load(content)
        except zipfile.BadZipFile as error:
            raise ValueError(
                f"The file is damaged: {error}. Received: {path!r}. "
                "Expected: a file that `numpy.savez` has written."
            ) from error
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
    return x[..., None] if x.ndim == 3 else x, y.reshape(len(y))
