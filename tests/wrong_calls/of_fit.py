"""Wrong calls of `AMTOModel.fit`."""

import keras
import numpy as np

import keras_amto
from tests.data import digits
from tests.wrong_calls.kinds import INFINITY
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import choice
from tests.wrong_calls.kinds import instance
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import share
from tests.wrong_calls.kinds import truth
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made

x, y = digits(60)
ones = np.ones(60)


def at(array, value, index=7):
    """The array with one value in place of another."""
    changed = array.astype("float32")
    changed.flat[index] = value
    return changed


def dataset(*tensors, then=lambda samples: samples):
    """A dataset of samples, made when TensorFlow may be used."""

    def make():
        import tensorflow as tf

        return then(tf.data.Dataset.from_tensor_slices(tensors))

    return Made(make)


def sparse():
    import tensorflow as tf

    return tf.sparse.from_dense(x)


def callback(**arguments):
    return Made(lambda: [keras_amto.AMTOCallback(**arguments)])


FIT = Callee(
    "AMTOModel.fit",
    lambda model, **given: model.fit(
        **({"x": x, "y": y, "verbose": 0} | given)
    ),
)

_ARRAYS = types(
    a_number=3.0,
    text="text",
    an_object=object(),
    a_function=lambda: 3,
    a_list_of_numbers=[1.0, 2.0],
)

_X = FIT.rows(
    x=(
        *_ARRAYS,
        *types(
            sparse=Made(sparse),
        ),
        *values(
            None_=None,
            a_list_of_None=[None],
            an_empty_list=[],
            an_empty_dict={},
            of_rank_zero=np.array(3.0),
            empty=x[:0],
            shorter_than_y=x[:9],
            narrower=x[:, :63],
            without_width=x[:, :0],
            of_another_rank=x.reshape(60, 8, 8),
            of_text=np.full((60, 64), "1.0"),
            of_objects=np.full((60, 64), None, dtype=object),
            with_NaN=at(x, NAN),
            with_infinity=at(x, -INFINITY),
            by_an_unknown_name={"nonsense": x},
            of_two_lengths=[x, x[:3]],
        ),
    ),
    y=(
        *_ARRAYS,
        *values(
            None_=None,
            an_empty_list=[],
            an_empty_dict={},
            of_rank_zero=np.array(3.0),
            empty=y[:0],
            shorter_than_x=y[:9],
            without_width=np.zeros((60, 0)),
            of_another_rank=np.eye(10)[y],
            of_text=np.full(60, "three"),
            of_objects=np.full(60, None),
            with_NaN=at(y, NAN),
            with_infinity=at(y, INFINITY),
            of_unknown_classes=y + 1,
            of_negative_classes=y - 1,
            by_an_unknown_name={"nonsense": y},
            for_two_outputs=[y, y],
        ),
    ),
    sample_weight=(
        *_ARRAYS,
        *values(
            an_empty_list=[],
            of_rank_zero=np.array(3.0),
            empty=ones[:0],
            too_few=ones[:3],
            a_row=ones[None],
            three_a_sample=np.ones((60, 3)),
            by_an_unknown_name={"nonsense": ones},
            of_text=np.full(60, "1.0"),
            of_objects=np.full(60, None),
            with_NaN=at(ones, NAN),
            with_infinity=at(ones, INFINITY),
        ),
    ),
)

_VALIDATION = FIT.rows(
    validation_split=(
        *share(zero=True, optional=True),
        *values(of_all_but_nothing=0.999),
    ),
    validation_data=(
        *types(
            a_number=3,
            text="text",
            an_object=object(),
            of_numbers=(3.0, 3.0),
            of_lists=([1.0], [1.0]),
        ),
        *values(
            empty=(),
            an_empty_list=[],
            without_inputs=(None, y),
            without_targets=(x,),
            with_no_targets=(x, None),
            inputs_alone=x,
            of_four_parts=(x, y, ones, ones),
            of_two_lengths=(x, y[:3]),
            of_no_sample=(x[:0], y[:0]),
            too_few_weights=(x, y, ones[:3]),
            narrower=(x[:, :63], y),
            of_text=(np.full((60, 64), "1.0"), y),
            of_targets_of_text=(x, np.full(60, "three")),
            of_targets_of_another_rank=(x, np.eye(10)[y]),
            of_unknown_classes=(x, y + 1),
            with_NaN=(at(x, NAN), y),
            with_infinite_targets=(x, at(y, INFINITY)),
            with_NaN_weights=(x, y, at(ones, NAN)),
            with_weights_of_text=(x, y, np.full(60, "1.0")),
            an_endless_dataset=dataset(
                x, y, then=lambda samples: samples.batch(8).repeat()
            ),
        ),
    ),
    validation_steps=integer(1, optional=True),
    validation_batch_size=integer(1, optional=True),
    validation_freq=(
        *(
            case
            for case in integer(1)
            if case.what not in ("a list", "an array")
        ),
        *types(of_text=["1"], of_fractions=[1.5], of_NaN=[NAN]),
        *values(of_negative_epochs=[-1]),
    ),
)

_OTHERS = FIT.rows(
    batch_size=integer(1, optional=True),
    epochs=integer(0),
    verbose=(*choice(), *values(seven=7)),
    callbacks=(
        *instance(optional=True),
        *types(
            a_class_of_callbacks=keras.callbacks.History,
            by_name={"stop": "stop"},
            of_nothing=[None],
        ),
        *values(
            two_that_decide=Made(lambda: [keras_amto.AMTOCallback()] * 2),
            one_that_knows_one_network=Made(
                lambda: [keras.callbacks.BackupAndRestore("b")]
            ),
            two_backups=Made(
                lambda: [keras_amto.PopulationBackup("b") for _ in range(2)]
            ),
        ),
    ),
    shuffle=truth(),
    class_weight=(
        *types(
            a_number=3,
            text="balanced",
            a_list=[1.0, 2.0],
            an_array=np.ones(10),
        ),
        *values(
            in_words={0: "two"},
            NaN={0: NAN},
            infinity={0: INFINITY},
            None_={0: None},
            lists={0: [1.0]},
        ),
    ),
    initial_epoch=integer(0),
    steps_per_epoch=integer(1, optional=True),
)


def batches(then=lambda samples: samples):
    return dataset(x, y, then=lambda samples: then(samples.batch(8)))


def _together(parameter, what, arguments, error=ValueError, says=""):
    return FIT.row(parameter, what, error, arguments, says)


_TOGETHER = [
    _together("x", "a generator", {"x": Made(lambda: iter([(x, y)]))},
              TypeError, "generator"),
    _together("x", "one sample", {"x": x[:1], "y": y[:1]},
              says="validation_split"),
    _together("x", "no sample", {"x": x[:0], "y": y[:0]}, says="no sample"),
    _together("x", "an endless dataset",
              {"x": batches(lambda of: of.repeat()), "y": None},
              says="dataset"),
    _together("x", "an empty dataset",
              {"x": batches(lambda of: of.take(0)), "y": None},
              says="Dataset"),
    _together("x", "a dataset that is not batched",
              {"x": dataset(x, y), "y": None}, says="dataset"),
    _together("y", "beside a dataset", {"x": batches()}),
    _together("y", "one-hot, and validation data are not",
              {"y": np.eye(10)[y], "validation_data": (x, y)}),
    _together("sample_weight", "beside a dataset",
              {"x": batches(), "y": None, "sample_weight": ones}),
    _together("sample_weight", "beside class weights",
              {"sample_weight": ones, "class_weight": {0: 1.0}}),
    _together("class_weight", "without targets",
              {"y": None, "class_weight": {0: 1.0}}),
    _together("class_weight", "for several outputs",
              {"y": [y, y], "class_weight": {0: 1.0}}),
    _together("callbacks", "that select by what there is not",
              {"callbacks": callback(selection_metric="f1")},
              says="selection_metric"),
    _together("callbacks", "that select by what is better low",
              {"callbacks": callback(selection_metric="loss")},
              says="selection_metric"),
]  # fmt: skip

CALLEES = [FIT]
ROWS = [*_X, *_VALIDATION, *_OTHERS, *_TOGETHER]
