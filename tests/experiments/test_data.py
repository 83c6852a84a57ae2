"""Data by name or path."""

import numpy as np
import pytest

from keras_amto.experiments.data import load_arrays
from tests.conftest import needs_tensorflow
from tests.images import write_tree
from tests.shared import RSSCN7
from tests.shared import needs_rsscn7


def test_digits_are_images():
    data = load_arrays("digits")
    assert data.x.shape == (1797, 8, 8, 1)
    assert data.classes == 10
    assert data.x.max() == 1.0


def test_parts_of_an_npz_file_are_put_together(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(
        path,
        x_train=np.zeros((6, 4, 4), "uint8"),
        y_train=np.arange(6)[:, None],
        x_test=np.ones((2, 4, 4), "uint8"),
        y_test=np.zeros((2, 1), int),
    )
    data = load_arrays(str(path))
    assert data.x.shape == (8, 4, 4, 1)
    assert data.y.tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
    assert data.classes == 6


def test_a_file_without_arrays_of_known_names_is_refused(tmp_path):
    np.savez(tmp_path / "some.npz", images=np.zeros(3))
    with pytest.raises(ValueError, match=r"lacks arrays.*\['images'\]"):
        load_arrays(str(tmp_path / "some.npz"))


@needs_tensorflow
def test_class_folders_become_classes_in_the_order_of_their_names(tmp_path):
    root = write_tree(tmp_path, {"aGrass": 2, "bField": 3}, side=20)
    data = load_arrays(str(root), image_size=8)
    assert data.x.shape == (5, 8, 8, 3)
    assert data.x.dtype == np.uint8
    assert data.y.tolist() == [0, 0, 1, 1, 1]
    brightest = data.x.mean((1, 2)).argmax(1)
    assert brightest.tolist() == data.y.tolist()


@needs_tensorflow
def test_training_and_test_set_of_a_known_data_set_are_put_together():
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=5):
        data = load_arrays("oxford_iiit_pet", image_size=8)
    assert data.x.shape == (10, 8, 8, 3)
    assert data.y.shape == (10,)


@needs_tensorflow
def test_a_damaged_image_is_named(tmp_path):
    root = write_tree(tmp_path, {"a": 2, "b": 2})
    (root / "b" / "00001.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"b/00001\.jpg"):
        load_arrays(str(root), image_size=8)


@needs_tensorflow
@needs_rsscn7
def test_the_real_images_are_found():
    data = load_arrays(str(RSSCN7), image_size=8)
    assert data.x.shape == (2800, 8, 8, 3)
    assert np.bincount(data.y).tolist() == [400] * 7


@pytest.mark.parametrize("data", ["nothing.npz", "nowhere", "fashion_mnist"])
def test_data_that_are_not_there_are_named(data):
    with pytest.raises(ValueError, match="There are no such data") as raised:
        load_arrays(data)
    assert data in str(raised.value)


def test_a_damaged_npz_file_is_named(tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(ValueError, match=r"The file is damaged.*bad\.npz"):
        load_arrays(str(path))


def test_numbers_that_are_no_classes_stay_what_they_are(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, x=np.zeros((3, 2)), y=np.array([0.2, 0.9, 1.7]))
    assert load_arrays(str(path)).y.tolist() == [0.2, 0.9, 1.7]
    np.savez(path, x=np.zeros((3, 2)), y=np.array([0.0, 1.0, 1.0]))
    assert load_arrays(str(path)).y.dtype == "int64"
