"""Wrong calls of optimizers."""

import keras
import numpy as np

from keras_amto.optimizers import LinearPrediction
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import name
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made


def _built():
    optimizer = LinearPrediction("sgd")
    optimizer.build([keras.Variable(np.zeros(3))])
    return optimizer


def _set_weights(_, **given):
    optimizer = _built()
    valid = {"weights": [v.numpy() for v in optimizer.variables]}
    optimizer.set_weights(**(valid | given))


LINEAR_PREDICTION = Callee(
    "optimizers.LinearPrediction",
    lambda _, **given: LinearPrediction(**({"optimizer": "sgd"} | given)),
)
SET_WEIGHTS = Callee("optimizers.LinearPrediction.set_weights", _set_weights)
APPLY = Callee(
    "optimizers.LinearPrediction.apply",
    lambda _, **given: LinearPrediction("sgd").apply(
        **(
            {
                "grads": [np.zeros(3)],
                "trainable_variables": [keras.Variable(np.zeros(3))],
            }
            | given
        )
    ),
)

CALLEES = [LINEAR_PREDICTION, SET_WEIGHTS, APPLY]
ROWS = [
    *LINEAR_PREDICTION.rows(
        optimizer=(
            *types(
                a_number=3,
                None_=None,
                NaN=NAN,
                a_list=["sgd"],
                a_class=keras.optimizers.SGD,
            ),
            *values(
                unknown="nonsense",
                empty="",
                a_configuration_of_nothing={},
                loss_scaling=Made(
                    lambda: keras.optimizers.LossScaleOptimizer(
                        keras.optimizers.SGD()
                    )
                ),
            ),
        ),
        name=name(),
    ),
    *SET_WEIGHTS.rows(
        weights=(
            *types(a_number=3, None_=None, text="text", of_text=["a"] * 4),
            *values(empty=[], of_other_shapes=[np.zeros((2, 2))]),
        )
    ),
    *APPLY.rows(trainable_variables=values(None_=None)),
]
