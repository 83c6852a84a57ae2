"""Trees of class folders."""

import numpy as np
import pytest

from keras_amto import datasets
from tests.conftest import needs_tensorflow
from tests.images import jpeg
from tests.images import picture
from tests.images import write_tree
from tests.shared import RSSCN7
from tests.shared import needs_rsscn7

pytestmark = needs_tensorflow


def read(dataset):
    """Returns all images and labels."""
    batches = list(dataset.as_numpy_iterator())
    x, y = zip(*batches, strict=True)
    return np.concatenate(x), np.concatenate(y)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    return write_tree(root, {"apple": 13, "bread": 9, "cheese": 8})


def test_a_folder_is_divided_into_training_and_test_images(tree):
    train, test, names = datasets.load_folder(tree, image_size=12, batch_size=7)
    assert names == ("apple", "bread", "cheese")
    (x, y), (_, y_test) = read(train), read(test)
    assert (len(y), len(y_test)) == (24, 6)  # 20 % of 30
    assert sorted(train.file_paths + test.file_paths) == sorted(
        str(path) for path in tree.rglob("*.jpg")
    )
    counts = np.bincount(np.concatenate([y, y_test]))
    assert counts.tolist() == [13, 9, 8]
    assert x.dtype == np.uint8
    assert x.shape == (24, 12, 12, 3)
    for path, image, label in zip(train.file_paths, x, y, strict=True):
        assert f"/{names[label]}/" in path
        assert image[..., label].mean() > image.mean()


def test_the_order_is_the_same_in_every_pass(tree):
    train, _, _ = datasets.load_folder(tree, image_size=12)
    for one, other in zip(read(train), read(train), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_seed_draws_the_test_set(tree):
    def tests(seed):
        return datasets.load_folder(tree, seed=seed).test.file_paths

    assert tests(0) == tests(0) != tests(1)


def test_no_test_set_where_none_is_wanted(tree):
    sets = datasets.load_folder(tree, test_split=0)
    assert sets.test is None
    assert len(sets.train.file_paths) == 30


def test_images_of_several_kinds_and_sizes_are_read(tmp_path):
    from PIL import Image

    pixels = picture(0, 0, side=20)
    for name in ("one", "two"):
        (tmp_path / name / "deeper").mkdir(parents=True)
        for suffix in ("png", "bmp", "GIF", "JPEG"):
            path = tmp_path / name / "deeper" / f"image.{suffix}"
            Image.fromarray(pixels).save(path)
    gray = Image.fromarray(pixels[..., 0])
    gray.save(tmp_path / "one" / "gray.png")
    (tmp_path / "one" / "notes.txt").write_text("no image")
    train, _, _ = datasets.load_folder(tmp_path, 10, test_split=0)
    x, _ = read(train)
    assert x.shape == (9, 10, 10, 3)
    # Averaged where they are made smaller, not picked.
    means = pixels.reshape(10, 2, 10, 2, 3).mean((1, 3))
    png = [path.endswith("image.png") for path in train.file_paths]
    assert np.abs(x[png] - means).mean() < 10


@pytest.mark.parametrize(
    ("counts", "arguments", "message"),
    [
        (None, {}, "no such folder"),
        ({}, {}, "fewer than two"),
        ({"a": 2}, {}, r"folders \['a'\]"),
        ({"a": 2, "b": 0}, {}, "/b' holds no image"),
        (
            {"a": 2, "b": 2},
            {"class_names": list("abc")},
            r"missing in .*\['c'\]",
        ),
        ({"a": 1, "b": 1}, {"test_split": 0.9}, "nothing to train on"),
    ],
)
def test_what_is_missing_is_named(tmp_path, counts, arguments, message):
    root = tmp_path / "tree"
    if counts is not None:
        root.mkdir()
        write_tree(root, counts)
    with pytest.raises(ValueError, match=message) as raised:
        datasets.load_folder(root, **arguments)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)


@needs_rsscn7
def test_the_images_of_rsscn7_are_a_tree_like_any_other():
    train, test, names = datasets.load_folder(RSSCN7, image_size=32)
    assert names[0] == "aGrass"
    assert names[-1] == "gParking"
    assert len(train.file_paths) == 2240
    assert len(test.file_paths) == 560
    x, y = next(train.as_numpy_iterator())
    assert x.shape == (64, 32, 32, 3)
    assert set(y) <= set(range(7))


def test_a_jpeg_of_a_test_is_one():
    assert jpeg(picture(0, 0)).startswith(b"\xff\xd8")
