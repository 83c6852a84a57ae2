"""Reading what users call data."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_amto.tasks import read_data
from keras_amto.tasks.classes import weights_of_classes

x = np.arange(12, dtype="float32").reshape(6, 2)
y = np.arange(6)


def dataset(*elements, batch_size=4):
    return tf.data.Dataset.from_tensor_slices(
        elements if len(elements) > 1 else elements[0]
    ).batch(batch_size)


@pytest.mark.parametrize(
    "given",
    [x, tf.constant(x), keras.ops.convert_to_tensor(x), pd.DataFrame(x)],
    ids=["numpy", "tf", "backend", "pandas"],
)
def test_arrays_tensors_and_frames_give_the_same_samples(given):
    data, batch_size = read_data(given, y)
    np.testing.assert_array_equal(data.x, x)
    assert (data.size, batch_size) == (6, None)


def test_a_series_becomes_a_column_as_in_keras():
    data, _ = read_data(pd.Series(x[:, 0]), pd.Series(y))
    assert data.x.shape == data.y.shape == (6, 1)


def test_nested_structures_keep_their_form():
    given = {"a": x, "b": (x + 1, pd.DataFrame(x + 2))}
    data, _ = read_data(given, [y, y + 1])
    batch = data.batch(np.array([4, 1]))
    assert batch.x["b"][1].tolist() == (x + 2)[[4, 1]].tolist()
    assert batch.y[1].tolist() == [5, 2]


def test_floats_become_floatx_and_integers_stay():
    data, _ = read_data(x.astype("float64"), y.astype("uint8"))
    assert (data.x.dtype, data.y.dtype) == ("float32", "uint8")


@pytest.mark.parametrize("kind", [">i4", ">f4", ">i8"])
def test_other_byte_orders_become_native(kind):
    x = np.arange(6).reshape(3, 2).astype(kind)
    data, _ = read_data(x, x[:, 0])
    assert data.x.dtype.isnative
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, x[:, 0])


def test_an_array_of_the_right_type_is_not_copied():
    data, _ = read_data(x, y)
    assert np.shares_memory(data.x, x)
    assert np.shares_memory(data.y, y)


@pytest.mark.parametrize("batch_size", [1, 4, 6, 100])
def test_a_dataset_is_read_whole_and_gives_its_batch_size(batch_size):
    data, size = read_data(
        dataset({"a": x}, y, np.ones(6, "float32"), batch_size=batch_size)
    )
    np.testing.assert_array_equal(data.x["a"], x)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_array_equal(data.sample_weight, np.ones(6))
    assert size == min(batch_size, 6)


def test_a_dataset_of_inputs_alone_has_no_targets():
    data, _ = read_data(dataset(x))
    assert data.y is None
    np.testing.assert_array_equal(data.arrays, x)


def test_images_of_bytes_stay_bytes():
    data, _ = read_data(dataset(np.zeros((6, 2, 2, 3), "uint8"), y))
    assert data.x.dtype == "uint8"


def generator():
    yield x, y


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(x=None), ValueError, "nothing to train on"),
        (dict(x=x, y=y[:5]), ValueError, "x: \\[6\\], y: \\[5\\]"),
        (
            dict(x=x, y=y, sample_weight=np.ones(7)),
            ValueError,
            "different numbers of samples",
        ),
        (dict(x={"a": x, "b": x[:3]}, y=y), ValueError, "x: \\[6, 3\\]"),
        (dict(x=x[:0], y=y[:0]), ValueError, "no sample"),
        (dict(x=np.float32(3)), (TypeError, ValueError), "scalar"),
        (dict(x=np.array(3.0)), ValueError, "no sample axis"),
        (dict(x=[[1, 2], [3, 4]], y=y), TypeError, "not an array"),
        (dict(x="images/", y=y), TypeError, "not an array"),
        (dict(x=object(), y=y), TypeError, "not an array"),
        (dict(x=generator()), TypeError, "cannot be read a second"),
        (dict(x=iter([x])), TypeError, "cannot be read a second"),
        (
            dict(x=tf.ragged.constant([[1.0], [2.0, 3.0]]), y=y[:2]),
            TypeError,
            "ragged or sparse",
        ),
        (
            dict(x=tf.sparse.from_dense(x), y=y),
            TypeError,
            "ragged or sparse",
        ),
        (dict(x=dataset(x, y), y=y), ValueError, "`y` cannot be given beside"),
        (
            dict(x=dataset(x, y), sample_weight=y),
            ValueError,
            "`sample_weight` cannot be given beside",
        ),
        (dict(x=dataset(x, y).repeat()), ValueError, "never ends"),
        (dict(x=dataset(x, y).unbatch()), ValueError, "not batched"),
        (dict(x=dataset(x, y).take(0)), ValueError, "no sample"),
        (
            dict(x=x, y=y, sample_weight=np.ones(6), class_weight={0: 2}),
            ValueError,
            "cannot be used together",
        ),
        (
            dict(x=x, y={"a": y}, class_weight={0: 2}),
            ValueError,
            "single output",
        ),
        (
            dict(x=x, y=[y, y], sample_weight=np.ones((6, 2))),
            ValueError,
            "one weight a sample",
        ),
        (
            dict(x=x, y=[y, y], sample_weight={"a": np.ones(6)}),
            ValueError,
            "different structures",
        ),
    ],
)
def test_unusable_data_are_refused_with_the_remedy(arguments, error, message):
    with pytest.raises(error, match=message) as raised:
        read_data(**arguments)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)


def test_a_dataset_of_differing_shapes_is_refused():
    ragged = tf.data.Dataset.from_generator(
        lambda: iter([np.zeros((2, 3)), np.zeros((2, 4))]),
        output_signature=tf.TensorSpec((None, None)),
    )
    with pytest.raises(ValueError, match="differ in shape"):
        read_data(ragged)


@pytest.mark.parametrize(
    "labels",
    [y, y[:, None], np.eye(6)[y], y.astype("float32")],
    ids=["indices", "column", "one-hot", "floats"],
)
def test_class_weights_become_sample_weights_as_in_keras(labels):
    weights = weights_of_classes(labels, {0: 3.0, 5: 0.5})
    assert weights.tolist() == [3.0, 1.0, 1.0, 1.0, 1.0, 0.5]


def test_one_sample_weight_serves_all_outputs():
    data, _ = read_data(x, {"a": y, "b": y}, np.arange(6.0))
    assert data.sample_weight["a"] is data.sample_weight["b"]
