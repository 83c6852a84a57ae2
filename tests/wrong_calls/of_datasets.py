"""Wrong calls of the loaders of data sets."""

import pathlib

import numpy as np

from keras_amto import datasets
from tests.wrong_calls.kinds import choice
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import path
from tests.wrong_calls.kinds import share
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made
from tests.wrong_calls.table import Row


def _photos(folder="photos", classes=("cat", "dog"), images=3):
    from PIL import Image

    for each in classes:
        directory = pathlib.Path(folder, each)
        directory.mkdir(parents=True)
        for number in range(images):
            image = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
            image.save(directory / f"{number}.png")
    return folder


def _load_folder(_, **given):
    valid = {"path": _photos(), "image_size": 4}
    return datasets.load_folder(**(valid | given))


LOAD = Callee(
    "datasets.load",
    lambda _, **given: datasets.load(**({"name": "uc_merced"} | given)),
    lacks="the data set, which would be downloaded",
)
LOAD_FOLDER = Callee("datasets.load_folder", _load_folder)


def _of_one_class(_):
    datasets.load_folder(_photos("photos", ["cat"]))


CALLEES = [LOAD, LOAD_FOLDER]
ROWS = [
    *LOAD.rows(
        name=choice(),
        image_size=integer(1),
        seed=integer(0),
        data_dir=path(optional=True),
        batch_size=integer(1),
    ),
    *LOAD_FOLDER.rows(
        path=(
            *path(),
            *values(
                no_folder="nonsense",
                of_nothing=Made(lambda: _photos("empty", [])),
            ),
        ),
        image_size=integer(1),
        seed=integer(0),
        test_split=(*share(zero=True), *values(of_nearly_all=0.999)),
        class_names=(
            *types(
                a_number=3,
                text="cat",
                of_numbers=[3, 4],
                of_None=[None, None],
            ),
            *values(
                empty=[],
                one_alone=["cat"],
                twice=["cat", "cat"],
                that_are_not_there=["cat", "cow"],
            ),
        ),
        batch_size=integer(1),
    ),
    Row(LOAD_FOLDER.name, "path", "of one class", ValueError, _of_one_class),
]
