"""Wrong calls of `AMTOModel` and of its methods, but for compile and fit."""

import keras
import numpy as np
from sklearn.model_selection import KFold

import keras_amto
from tests.networks import mlp
from tests.wrong_calls.kinds import boolean
from tests.wrong_calls.kinds import choice
from tests.wrong_calls.kinds import instance
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import name
from tests.wrong_calls.kinds import path
from tests.wrong_calls.kinds import share
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Case
from tests.wrong_calls.table import Made
from tests.wrong_calls.table import Row


def _strategy(name):
    def make():
        import tensorflow as tf

        return getattr(tf.distribute, name)

    return Made(make)


def _parameter_servers():
    import tensorflow as tf

    # Without a cluster there is none to be had; its kind is what is refused.
    return object.__new__(tf.distribute.ParameterServerStrategy)


AMTO_MODEL = Callee(
    "AMTOModel",
    lambda _, **given: keras_amto.AMTOModel(**({"model": mlp()} | given)),
)

_CONSTRUCTOR = AMTO_MODEL.rows(
    model=(
        *instance(),
        *types(
            a_class_of_models=keras.Sequential,
            a_function_of_something_else=lambda: 3,
            a_function_of_nothing=lambda: None,
            a_function_with_an_argument=lambda units: mlp(units),
            an_AMTOModel=Made(lambda: keras_amto.AMTOModel(mlp())),
            a_function_of_an_AMTOModel=lambda: keras_amto.AMTOModel(mlp()),
        ),
    ),
    num_tasks=integer(1),
    transfer_interval=integer(1),
    validation_split=share(zero=False),
    holdout_split=share(zero=True),
    transfer=choice(),
    acceptance=choice(),
    selection=choice(),
    stratify=(
        *boolean(),
        Case("labels", np.arange(3), TypeError),
    ),
    engine=choice(),
    vectorize=values(
        unknown="always", None_=None, a_number=2, a_list=["auto"], an_array=[1]
    ),
    seed=integer(0, optional=True),
    relationship_decay=share(zero=False, one=True),
    strategy=(
        *instance(optional=True),
        Case("a class of strategies", _strategy("MirroredStrategy"), TypeError),
        Case("parameter servers", Made(_parameter_servers), ValueError),
    ),
    memory_limit=integer(1),
    cache_dir=(
        *path(optional=True),
        *values(not_there="/not/there", of_a_file=__file__),
    ),
    augment=(
        *types(
            a_number=3,
            text="flip",
            a_list=[keras.layers.RandomFlip()],
            an_array=np.ones(2),
            a_class_of_layers=keras.layers.RandomFlip,
        ),
    ),
    splits=(
        *types(
            a_number=3,
            text="kfold",
            an_array=np.ones((2, 2)),
            a_class_of_splitters=KFold,
        ),
        *values(no_pairs=[3, 4], triples=[([0], [1], [2])]),
    ),
    groups=values(
        without_splitter=[0, 1],
        text="patients",
        a_number=3,
        an_array=np.ones((2, 2)),
    ),
    name=name(),
)

GET_ANSWER = Callee(
    "AMTOModel.get_answer",
    lambda model, **given: model.get_answer(**({"answer": "winner"} | given)),
)
GET_TASK_WEIGHTS = Callee(
    "AMTOModel.get_task_weights",
    lambda model, **given: model.get_task_weights(**({"task": 0} | given)),
)
_TASK = (*integer(0), *values(no_such_task=2))


def _set_task_weights(model, **given):
    valid = {"task": 0, "weights": model.get_task_weights(0)}
    model.set_task_weights(**(valid | given))


SET_TASK_WEIGHTS = Callee("AMTOModel.set_task_weights", _set_task_weights)
_SHAPES = [(64, 16), (16,), (16, 10), (10,)]

EXPORT = Callee(
    "AMTOModel.export",
    lambda model, **given: model.export(
        **({"filepath": "exported", "verbose": False} | given)
    ),
)


def _zeros(dtype):
    return [np.zeros(shape, dtype) for shape in _SHAPES]


CALLEES = [AMTO_MODEL, GET_ANSWER, GET_TASK_WEIGHTS, SET_TASK_WEIGHTS, EXPORT]
ROWS = [
    *_CONSTRUCTOR,
    *GET_ANSWER.rows(answer=choice()),
    *GET_TASK_WEIGHTS.rows(task=_TASK),
    *SET_TASK_WEIGHTS.rows(
        task=_TASK,
        weights=(
            *types(
                a_number=3,
                None_=None,
                text="text",
                of_text=_zeros("U1"),
                of_objects=[object()] * 4,
            ),
            *values(
                empty=[],
                of_other_shapes=[np.zeros(3)],
                too_many=[*_zeros("float32"), np.zeros(3)],
                ragged=[[[1.0], [1.0, 2.0]]] * 4,
            ),
        ),
    ),
    *EXPORT.rows(filepath=path(), format=choice()),
    Row(
        "AMTOModel.train_on_batch",
        "train_on_batch",
        "a single batch",
        ValueError,
        lambda model: model.train_on_batch(np.zeros((8, 64)), np.zeros(8)),
    ),
]
