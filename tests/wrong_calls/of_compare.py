"""Wrong calls of `compare`, and of what it returns."""

import keras
import numpy as np

import keras_amto
from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.results import Result
from tests.data import digits
from tests.networks import mlp
from tests.wrong_calls.kinds import INFINITY
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import boolean
from tests.wrong_calls.kinds import choice
from tests.wrong_calls.kinds import instance
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import path
from tests.wrong_calls.kinds import share
from tests.wrong_calls.kinds import text
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made

x, y = digits(60)


def _compare(_, **given):
    valid = {
        "network": mlp,
        "x": x,
        "y": y,
        "output": "comparison",
        "train_size": 40,
        "arms": ["full"],
        "seeds": 1,
        "steps": 1,
        "verbose": False,
    }
    return keras_amto.compare(**(valid | given))


def _two_outputs():
    inputs = keras.Input((64,))
    return keras.Model(inputs, [keras.layers.Dense(10)(inputs)] * 2)


def at(array, value):
    changed = array.copy()
    changed.flat[7] = value
    return changed


_RESULT = Result(0, 0.9, 0.1, None, None, 1, 1, 1.0)

COMPARE = Callee("compare", _compare)
TABLE_OF_ONE = Callee(
    "experiments.Comparison.table_of_one",
    lambda _, **given: Comparison({"amto": {0: _RESULT}}).table_of_one(**given),
)
_ARRAYS = types(
    a_number=3, None_=None, text="text", a_list=[1, 2], an_object=object()
)

CALLEES = [COMPARE, TABLE_OF_ONE]
ROWS = [
    *COMPARE.rows(
        network=(
            *instance(),
            *types(
                a_model=Made(mlp),
                a_function_with_an_argument=lambda units: mlp(units),
                a_function_of_something_else=lambda: 3,
            ),
            *values(
                of_an_empty_model=keras.Sequential,
                with_too_few_outputs=lambda: keras.Sequential(
                    [keras.Input((64,)), keras.layers.Dense(3)]
                ),
                with_two_outputs=_two_outputs,
                of_other_inputs=lambda: keras.Sequential(
                    [keras.Input((63,)), keras.layers.Dense(10)]
                ),
            ),
        ),
        x=(
            *_ARRAYS,
            *values(
                of_rank_zero=np.array(3.0),
                empty=x[:0],
                shorter_than_y=x[:50],
                with_NaN=at(x, NAN),
                with_infinity=at(x, INFINITY),
                of_text=np.full((60, 64), "1.0"),
                of_objects=np.full((60, 64), None),
            ),
        ),
        y=(
            *_ARRAYS,
            *values(
                of_rank_zero=np.array(3),
                empty=y[:0],
                shorter_than_x=y[:50],
                of_another_rank=np.eye(10, dtype=int)[y],
                of_floats=y.astype(float),
                of_text=np.full(60, "1"),
                of_negative_classes=y - 1,
            ),
        ),
        output=path(),
        train_size=(
            *integer(1, optional=True),
            *values(of_all=60, of_more_than_all=61),
        ),
        test_data=(
            *types(a_number=3, text="xy", of_lists=([1], [1])),
            *values(
                empty=(),
                without_classes=(x,),
                of_three_parts=(x, y, y),
                of_two_lengths=(x, y[:3]),
                of_no_sample=(x[:0], y[:0]),
                of_unknown_classes=(x, y + 1),
                of_other_inputs=(x[:, :63], y),
                with_NaN=(at(x, NAN), y),
            ),
        ),
        arms=(
            *types(a_number=3, None_=None, text="amto", NaN=NAN),
            *values(empty=[], unknown=["amto", "nonsense"], of_numbers=[3]),
        ),
        seeds=(
            *(case for case in integer(1) if case.what != "a list"),
            *types(of_text=["0"], of_fractions=[0.5], of_NaN=[NAN]),
            *values(empty=[], negative=[0, -1]),
        ),
        steps=integer(1),
        num_tasks=integer(1),
        transfer_interval=integer(1),
        batch_size=integer(1),
        validation_split=(*share(zero=False), *values(of_nearly_all=0.999)),
        holdout_split=(*share(zero=False), *values(of_nearly_all=0.999)),
        optimizer=(
            *types(
                a_number=3,
                NaN=NAN,
                a_list=["sgd"],
                a_class=keras.optimizers.SGD,
            ),
            *values(unknown="nonsense", empty=""),
        ),
        schedule=choice(),
        development_split=(
            *share(zero=True), *values(of_no_sample=0.01, of_too_many=0.5)
        ),
        verbose=boolean(),
    ),
    COMPARE.row(
        "train_size", "absent, and no test data", ValueError,
        {"train_size": None},
    ),
    COMPARE.row(
        "train_size", "too small to be split", ValueError, {"train_size": 1},
        says="holdout_split",
    ),
    *TABLE_OF_ONE.rows(arm=(*text(), *values(unknown="nonsense"))),
]  # fmt: skip
