"""The paper's data sets, by tensorflow-datasets."""

import numpy as np
import pytest

from keras_amto import datasets
from tests.conftest import needs_tensorflow
from tests.datasets.test_folder import read
from tests.images import picture
from tests.images import write_tree
from tests.shared import RSSCN7
from tests.shared import needs_rsscn7

pytestmark = needs_tensorflow

tfds = pytest.importorskip("tensorflow_datasets")

CLASSES = (
    "aGrass", "bField", "cIndustry", "dRiverLake", "eForest", "fResident",
    "gParking",
)  # fmt: skip


def test_uc_merced_is_divided_at_random():
    with tfds.testing.mock_data(num_examples=30):
        train, test, names = datasets.load("uc_merced", image_size=16)
        x, y = read(train)
        x_test, y_test = read(test)
        again = datasets.load("uc_merced", image_size=16)
        other = datasets.load("uc_merced", image_size=16, seed=1)
        np.testing.assert_array_equal(read(again.test)[0], x_test)
        assert not np.array_equal(read(other.test)[0], x_test)
    assert len(names) == 21
    assert "airplane" in names
    assert (x.shape, x.dtype) == ((24, 16, 16, 3), np.uint8)
    assert x_test.shape == (6, 16, 16, 3)
    assert len(np.unique(np.concatenate([x, x_test]), axis=0)) == 30
    assert set(y) | set(y_test) <= set(range(21))


def test_uc_merced_is_read_from_the_files_that_it_consists_of(
    tmp_path, monkeypatch
):
    from PIL import Image

    names = tfds.builder("uc_merced").info.features["label"].names
    for label, name in enumerate(names):
        folder = tmp_path / "UCMerced_LandUse" / "Images" / name
        folder.mkdir(parents=True)
        for number in range(2):
            image = Image.fromarray(picture(label % 3, number, side=20))
            image.save(folder / f"{name}{number:02d}.tif")
    # What cannot be had here is the way over the network alone.
    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download_and_extract",
        lambda manager, url: tmp_path,
    )
    train, test, found = datasets.load(
        "uc_merced", image_size=10, data_dir=tmp_path / "prepared"
    )
    assert list(found) == names
    (x, y), (_, y_test) = read(train), read(test)
    assert (len(y), len(y_test)) == (33, 9)
    assert np.bincount(np.concatenate([y, y_test])).tolist() == [2] * 21
    for image, label in zip(x, y, strict=True):
        assert image.mean((0, 1)).argmax() == label % 3


def test_oxford_iiit_pet_has_a_test_set_of_its_own():
    with tfds.testing.mock_data(num_examples=5):
        train, test, names = datasets.load("oxford_iiit_pet", image_size=16)
        assert len(names) == 37
        assert len(read(train)[0]) == len(read(test)[0]) == 5


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"name='cifar10'.*load_folder"):
        datasets.load("cifar10")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("manual") / "rsscn7"
    return write_tree(root, dict.fromkeys(CLASSES, 400), side=4)


@pytest.fixture(scope="module")
def data_dir(images, tmp_path_factory):
    """A directory of tensorflow-datasets with the images put in by hand."""
    directory = tmp_path_factory.mktemp("tfds")
    (directory / "downloads" / "manual").mkdir(parents=True)
    (directory / "downloads" / "manual" / "rsscn7").symlink_to(images)
    return directory


def test_rsscn7_is_read_from_the_manual_directory(data_dir):
    train, test, names = datasets.load(
        "rsscn7", image_size=4, data_dir=data_dir
    )
    assert names == CLASSES
    (x, y), (_, y_test) = read(train), read(test)
    assert (len(y), len(y_test)) == (2240, 560)
    assert np.bincount(np.concatenate([y, y_test])).tolist() == [400] * 7
    for label in range(7):
        means = x[y == label].mean((0, 1, 2))
        assert means.argmax() == label % 3


def test_a_prepared_rsscn7_needs_its_images_no_more(
    data_dir, images, monkeypatch
):
    datasets.load("rsscn7", data_dir=data_dir)
    (data_dir / "downloads" / "manual" / "rsscn7").unlink()
    train, _, _ = datasets.load("rsscn7", image_size=4, data_dir=data_dir)
    assert len(read(train)[1]) == 2240


def test_the_folder_of_images_itself_can_be_given(
    images, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        tfds.core.constants, "DATA_DIR", str(tmp_path / "prepared")
    )
    train, _, _ = datasets.load("rsscn7", image_size=4, data_dir=images)
    assert len(read(train)[1]) == 2240
    assert not (images / "rsscn7").exists()  # nothing is written there


def test_what_is_missing_of_rsscn7_is_named(tmp_path):
    manual = tmp_path / "downloads" / "manual" / "rsscn7"
    with pytest.raises(ValueError, match="'aGrass': 0") as raised:
        datasets.load("rsscn7", data_dir=tmp_path)
    assert "Expected: 400 in each" in str(raised.value)
    write_tree(manual, dict.fromkeys(CLASSES[:-1], 400), side=4)
    (manual / "bField" / "00007.jpg").unlink()
    with pytest.raises(ValueError, match="not complete") as raised:
        datasets.load("rsscn7", data_dir=tmp_path)
    text = str(raised.value)
    assert "{'bField': 399, 'gParking': 0}" in text


@pytest.mark.slow
@needs_rsscn7
def test_the_real_rsscn7_is_prepared_and_read(tmp_path):
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "manual").symlink_to(RSSCN7)
    train, test, names = datasets.load(
        "rsscn7", image_size=96, data_dir=tmp_path
    )
    (x, y), (_, y_test) = read(train), read(test)
    assert names == CLASSES
    assert (x.shape, len(y_test)) == ((2240, 96, 96, 3), 560)
    assert np.bincount(np.concatenate([y, y_test])).tolist() == [400] * 7
    # Grass is green, and the images are not noise.
    red, green, blue = x[y == 0].mean((0, 1, 2))
    assert green > blue
