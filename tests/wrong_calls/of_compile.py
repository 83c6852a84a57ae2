"""Wrong calls of `AMTOModel.compile`."""

import keras

import keras_amto
from tests.networks import compiled
from tests.networks import mlp
from tests.wrong_calls.kinds import INFINITY
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import truth
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made
from tests.wrong_calls.table import Row


class Above(keras.metrics.Metric):
    """A metric whose configuration leaves out its threshold."""

    def __init__(self, threshold=0.5, name="above", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return self.threshold


COMPILE = Callee(
    "AMTOModel.compile", lambda model, **given: compiled(model, **given)
)

_METRICS = (
    *types(
        a_number=3,
        text="accuracy",
        NaN=NAN,
        a_class=keras.metrics.Mean,
        a_set={"accuracy"},
        a_metric=Made(lambda: keras.metrics.MeanSquaredError()),
        of_numbers=[3],
    ),
    *values(
        unknown=["nonsense"],
        unknown_by_output={"dense": ["nonsense"]},
        that_would_lose_a_setting=Made(lambda: [Above(0.9)]),
    ),
)


def _eager(**settings):
    def call(_):
        compiled(keras_amto.AMTOModel(mlp(), **settings), run_eagerly=True)

    return call


def _with_a_strategy(_):
    import tensorflow as tf

    _eager(strategy=tf.distribute.OneDeviceStrategy("CPU:0"))(_)


CALLEES = [COMPILE]
ROWS = [
    *COMPILE.rows(
        optimizer=(
            *types(
                a_number=3,
                None_=None,
                NaN=NAN,
                a_list=["sgd"],
                a_class=keras.optimizers.SGD,
                a_function=lambda: keras.optimizers.SGD(),
            ),
            *values(
                unknown="nonsense",
                empty="",
                a_configuration_of_nothing={},
                a_rate_in_words={
                    "class_name": "sgd",
                    "config": {"learning_rate": "high"},
                },
            ),
        ),
        loss=(
            *types(
                a_number=3,
                NaN=NAN,
                a_boolean=True,
                of_numbers=[3],
                by_output_of_numbers={"dense": 3},
            ),
            *values(
                unknown="nonsense",
                empty_text="",
                unknown_in_a_list=["nonsense"],
                empty=[],
                empty_by_output={},
                of_nothing=[None],
            ),
        ),
        loss_weights=(
            *types(
                text="1.0",
                a_boolean=True,
                an_integer=2,
                of_text=["1.0"],
                by_output_of_text={"dense": "1.0"},
                of_objects=[object()],
            ),
            *values(
                NaN=NAN,
                infinity=INFINITY,
                of_NaN=[NAN],
                by_output_of_infinity={"dense": -INFINITY},
            ),
        ),
        metrics=_METRICS,
        weighted_metrics=_METRICS,
        run_eagerly=truth(),
        steps_per_execution=integer(1),
        jit_compile=truth(),
        auto_scale_loss=truth(),
    ),
    Row(COMPILE.name, "run_eagerly", "with the TensorFlow engine", ValueError,
        _eager(engine="tensorflow")),
    Row(COMPILE.name, "run_eagerly", "with vectorize=True", ValueError,
        _eager(vectorize=True)),
    Row(COMPILE.name, "run_eagerly", "with a strategy", ValueError,
        _with_a_strategy),
]  # fmt: skip
