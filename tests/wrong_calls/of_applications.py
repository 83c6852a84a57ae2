"""Wrong calls of the functions that make networks of images."""

import functools

import keras
import numpy as np

from keras_amto.applications import VGG16
from keras_amto.applications import GoogLeNet
from keras_amto.applications import ResNet18
from keras_amto.applications import SqueezeNet
from keras_amto.applications import image_classifier
from keras_amto.applications import squeezenet
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import boolean
from tests.wrong_calls.kinds import choice
from tests.wrong_calls.kinds import image_shape
from tests.wrong_calls.kinds import instance
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import name as name_of_model
from tests.wrong_calls.kinds import path
from tests.wrong_calls.kinds import text
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made

_WEIGHTS = (
    *path(optional=True),
    *values(no_file="nonsense.h5", a_folder="."),
)

_ACTIVATION = (
    *types(a_number=3, NaN=NAN, a_list=["softmax"]),
    *values(unknown="nonsense", empty=""),
)


def input_of(*shape):
    return Made(functools.partial(keras.Input, shape))


SQUEEZENET = Callee(
    "applications.SqueezeNet",
    lambda _, **given: SqueezeNet(**({"input_shape": (64, 64, 3)} | given)),
)


def _images(name, make, minimum, *switches):
    """A function of a network for small images, and its wrong calls."""
    callee = Callee(f"applications.{name}", lambda _, **given: make(**given))
    rows = callee.rows(
        include_top=boolean(),
        weights=(*_WEIGHTS, *values(by_name="imagenet")),
        input_tensor=(
            *instance(optional=True),
            *values(
                of_another_rank=input_of(64),
                too_small=input_of(4, 4, 3),
            ),
        ),
        input_shape=image_shape(minimum),
        pooling=choice(optional=True),
        classes=integer(1),
        classifier_activation=_ACTIVATION,
        name=name_of_model(),
        width=(
            *types(None_=None, text="1", a_list=[1.0], a_boolean=True),
            *values(zero=0, negative=-1.0, NaN=NAN, infinite=float("inf")),
        ),
        **{switch: boolean() for switch in switches},
    )
    return callee, rows


_SMALL = [
    _images("ResNet18", ResNet18, 8),
    _images("VGG16", VGG16, 32, "batch_normalization"),
    _images(
        "GoogLeNet", GoogLeNet, 16, "batch_normalization", "auxiliary_heads"
    ),
]
PREPROCESS_INPUT = Callee(
    "applications.squeezenet.preprocess_input",
    lambda _, **given: squeezenet.preprocess_input(
        **({"x": np.zeros((1, 8, 8, 3))} | given)
    ),
)
IMAGE_CLASSIFIER = Callee(
    "applications.image_classifier",
    lambda _, **given: image_classifier(
        **(
            {"name": "squeezenet", "input_shape": (64, 64, 3), "classes": 7}
            | given
        )
    ),
)

CALLEES = [
    SQUEEZENET,
    PREPROCESS_INPUT,
    IMAGE_CLASSIFIER,
    *(callee for callee, _ in _SMALL),
]
ROWS = [
    *(row for _, rows in _SMALL for row in rows),
    *SQUEEZENET.rows(
        include_top=boolean(),
        weights=(*_WEIGHTS, *values(by_name="imagenet")),
        input_tensor=(
            *instance(optional=True),
            *values(
                of_another_rank=input_of(64),
                too_small=input_of(8, 8, 3),
            ),
        ),
        input_shape=image_shape(21),
        pooling=choice(optional=True),
        classes=integer(1),
        classifier_activation=_ACTIVATION,
        name=name_of_model(),
        version=choice(),
    ),
    SQUEEZENET.row(
        "pooling", "with the top", ValueError,
        {"pooling": "avg", "include_top": True},
    ),
    SQUEEZENET.row(
        "input_tensor", "of another shape than said", ValueError,
        {"input_tensor": input_of(32, 32, 3), "input_shape": (64, 64, 3)},
    ),
    *PREPROCESS_INPUT.rows(data_format=choice(optional=True), mode=choice()),
    *IMAGE_CLASSIFIER.rows(
        name=(*text(), *values(unknown="nonsense", private="_network")),
        input_shape=image_shape(21),
        classes=integer(1),
        weights=_WEIGHTS,
    ),
    IMAGE_CLASSIFIER.row(
        "input_shape", "that another network does not take", ValueError,
        {"name": "mobilenet_v2", "input_shape": (8, 8, 3)},
    ),
]  # fmt: skip
