"""Datasets that are larger than memory."""

import collections
import concurrent.futures
import contextlib
import gc
import io
import logging
import os
import shutil
import sys
import tempfile

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_amto.tasks import IndexedData
from keras_amto.tasks import in_order
from keras_amto.tasks import indexed_data
from keras_amto.tasks import read_data
from keras_amto.tasks.file_array import FileArray
from tests.tasks.sources import BATCH
from tests.tasks.sources import KINDS
from tests.tasks.sources import Batches
from tests.tasks.sources import grain_dataset
from tests.tasks.sources import open_files
from tests.tasks.sources import tf_dataset

x = np.random.default_rng(0).integers(0, 255, (50, 4, 4, 3), dtype="uint8")
y = np.arange(50) % 7
BYTES = 48 + 8  # of a sample


def on_disk(source, limit=1, **kwargs):
    data, batch_size = read_data(source, memory_limit=limit, **kwargs)
    assert isinstance(data.y, FileArray)
    assert batch_size == BATCH
    return data


def gather(data, indices):
    """Returns what an engine sees of some samples."""
    parts = list(data.parts(in_order(np.asarray(indices), 5)))
    batches = [
        part.batch(window[i])
        for part, window in parts
        for i in range(len(window))
    ]
    assert [batch.size for batch in batches[:-1]] == [5] * (len(batches) - 1)
    return [
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("x", "y")
    ]


@pytest.mark.parametrize("limit", [1, 50 * BYTES - 1, 50 * BYTES])
@pytest.mark.parametrize("kind", KINDS)
def test_any_samples_can_be_asked_for(kind, limit):
    data, batch_size = read_data(KINDS[kind](x, y), memory_limit=limit)
    assert isinstance(data.x, FileArray) == (limit < 50 * BYTES)
    assert (data.size, batch_size) == (50, BATCH)
    order = np.random.default_rng(1).permutation(50)[:30]
    for indices in (order, order[:4], np.arange(50), np.array([3, 3, 4])):
        got_x, got_y = gather(data, indices)
        np.testing.assert_array_equal(got_x, x[indices])
        np.testing.assert_array_equal(got_y, y[indices])
        assert got_x.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_data_are_the_same_in_memory_and_on_disk(kind):
    arrays, _ = read_data(x, y)
    held, _ = read_data(KINDS[kind](x, y))
    disk = on_disk(KINDS[kind](x, y))
    assert arrays.digest == held.digest == disk.digest
    np.testing.assert_array_equal(held.labels, disk.labels)
    other, _ = read_data(KINDS[kind](x, y + 1))
    assert other.digest != held.digest


def test_each_batch_is_read_once():
    for limit in (1, 1_000_000):
        source = Batches(x, y)
        data, _ = read_data(source, memory_limit=limit)
        for _ in range(2):
            gather(data, np.arange(50))
            assert data.non_finite == {}
            assert len(data.labels) == 50
        assert source.reads == list(range(7))


def test_weights_are_those_of_data_in_memory():
    weights = {1: 3.0, 4: 0.5}
    for targets in (y, np.eye(7)[y], np.stack([y, y], 1)[..., None]):
        source = tf_dataset({"a": x}, targets)
        held, _ = read_data(source, class_weight=weights)
        disk = on_disk(source, class_weight=weights)
        assert held.digest == disk.digest
        assert disk.batch(np.arange(5)).sample_weight is None
        indices = np.array([8, 4, 1, 0])
        np.testing.assert_array_equal(
            disk.for_training().batch(indices).sample_weight,
            held.for_training().batch(indices).sample_weight,
        )


def test_a_sample_that_is_not_finite_is_found_on_disk(monkeypatch):
    monkeypatch.setattr("keras_amto.tasks.arrays._SLICE", 100)
    given = x.astype("float32")
    given[33, 2] = np.nan
    given[40, 2] = np.inf
    assert on_disk(tf_dataset(given, y)).non_finite == {"x": 33}
    assert read_data(given, y)[0].non_finite == {"x": 33}


def test_a_part_has_a_limit(monkeypatch):
    data = on_disk(tf_dataset(x, y))
    monkeypatch.setattr(indexed_data, "_PART", 12 * BYTES)
    parts = list(data.parts(in_order(np.arange(50), 5)))
    assert [part.size for part, _ in parts] == [10] * 5
    assert all(window.splits.tolist() == [0, 5, 10] for _, window in parts)
    # A batch that is larger is a part of its own.
    parts = list(data.parts(in_order(np.arange(50), 20)))
    assert [part.size for part, _ in parts] == [20, 20, 10]


@pytest.mark.parametrize("shuffles", ["tf.data", "PyDataset"])
def test_a_dataset_may_shuffle_itself(shuffles):
    import tensorflow as tf

    slices = tf.data.Dataset.from_tensor_slices((x, y))
    data = on_disk(
        slices.shuffle(50).batch(BATCH)
        if shuffles == "tf.data"
        else Batches(x, y, shuffle=True)
    )
    assert not np.array_equal(data.x[:], x)
    found = collections.Counter(map(bytes, data.x[:]))
    assert found == collections.Counter(map(bytes, x))
    for _ in range(2):
        for image, label in zip(*gather(data, np.arange(50)), strict=True):
            (number,) = np.flatnonzero((x == image).all(axis=(1, 2, 3)))
            assert label == y[number]


def test_a_dataset_may_reuse_its_arrays():
    class Reusing(Batches):
        def __getitem__(self, index):
            images, labels = super().__getitem__(index)
            self.x_buffer[: len(images)] = images
            return self.x_buffer[: len(images)], labels

    source = Reusing(x, y)
    source.x_buffer = np.empty_like(x[:BATCH])
    data, _ = read_data(source)
    np.testing.assert_array_equal(data.x, x)


@pytest.mark.parametrize(
    "dtype", ["uint8", "bool", "float32", "float16", ml_dtypes.bfloat16]
)
def test_rows_of_a_file_are_those_of_an_array(tmp_path, dtype):
    array = np.random.default_rng(0).normal(size=(40, 3, 2)).astype(dtype)
    file = FileArray(str(tmp_path), (3, 2), dtype)
    for start in range(0, 40, 16):
        file.append(array[start : start + 16])
    assert (file.shape, file.dtype) == (array.shape, array.dtype)
    assert (len(file), file.ndim) == (40, 3)
    assert file.nbytes == array.nbytes
    for rows in (
        slice(None), slice(3, 7), slice(5, 5), slice(30, 99),
        np.array([4, 5, 6, 2, 39, 0, 1, 1]), np.zeros(0, int),
    ):  # fmt: skip
        np.testing.assert_array_equal(file[rows], array[rows])
    with pytest.raises(OSError, match="cut short"):
        file[np.array([40])]


def test_threads_read_a_file_at_the_same_time(tmp_path):
    array = np.arange(4000).reshape(400, 10)
    file = FileArray(str(tmp_path), (10,), array.dtype)
    file.append(array)

    def read(seed):
        rows = np.random.default_rng(seed).integers(0, 400, 2000)
        return np.array_equal(file[rows], array[rows])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as executor:
            assert all(executor.map(read, range(20)))
    finally:
        sys.setswitchinterval(interval)


def test_files_have_no_name_and_are_closed(tmp_path):
    with contextlib.ExitStack() as files:
        data = on_disk(tf_dataset(x, y), cache_dir=tmp_path, files=files)
        assert open_files(tmp_path) == 2
        assert list(tmp_path.iterdir()) == []
    assert open_files(tmp_path) == 0
    with pytest.raises(ValueError, match="closed file"):
        data.batch(np.arange(3))
    # Without anybody to close them they go with the data.
    data = on_disk(tf_dataset(x, y), cache_dir=tmp_path)
    assert open_files(tmp_path) == 2
    del data
    gc.collect()
    assert open_files(tmp_path) == 0


def test_a_message_names_the_limit_when_it_decides(caplog, tmp_path):
    with caplog.at_level(logging.WARNING, "keras_amto"):
        read_data(tf_dataset(x, y), memory_limit=50 * BYTES)
        assert not caplog.records
        on_disk(tf_dataset(x, y), limit=50 * BYTES - 1, cache_dir=tmp_path)
    (record,) = caplog.records
    assert f"memory_limit={50 * BYTES - 1} bytes" in record.getMessage()
    assert str(tmp_path) in record.getMessage()


def texts(count):
    import tensorflow as tf

    content = np.array([f"text {'x' * i}".encode() for i in range(count)])
    slices = tf.data.Dataset.from_tensor_slices((content, np.arange(count)))
    return slices.batch(BATCH)


def test_text_stays_in_memory():
    data = on_disk(texts(50), limit=3300)  # of 3125 and 400
    assert data.batch(np.array([3, 0])).x.tolist() == [b"text xxx", b"text "]
    assert data.digest == read_data(texts(50))[0].digest


@pytest.mark.parametrize("limit", [100, 50 * 60])
def test_text_above_the_limit_is_refused(limit):
    with pytest.raises(ValueError, match="Text is kept in memory") as raised:
        read_data(texts(50), memory_limit=limit)
    assert f"memory_limit={limit}" in str(raised.value)
    assert "Expected: a larger `memory_limit`" in str(raised.value)


# What is refused


def unknown_length(x, y, endless=False):
    """A dataset of which TensorFlow does not know the length."""
    import tensorflow as tf

    def batches():
        while True:
            for start in range(0, 50, BATCH):
                yield x[start : start + BATCH], y[start : start + BATCH]
            if not endless:
                return

    return tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec((None, *x.shape[1:]), x.dtype),
            tf.TensorSpec((None,), y.dtype),
        ),
    )


def test_a_dataset_of_unknown_length_is_read():
    for limit in (1, 1_000_000):
        data, _ = read_data(unknown_length(x, y), memory_limit=limit)
        np.testing.assert_array_equal(data.x[:], x)


def small_disk(monkeypatch, free):
    usage = collections.namedtuple("usage", "total used free")
    space = [free]
    append = FileArray.append

    def count(self, rows):
        space[0] -= rows.nbytes
        append(self, rows)

    monkeypatch.setattr(FileArray, "append", count)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage(10_000, 0, space[0])
    )
    return space


def test_a_disk_without_room_is_refused_before_it_is_filled(
    monkeypatch, tmp_path
):
    space = small_disk(monkeypatch, 50 * BYTES)
    with pytest.raises(OSError, match="no room") as raised:
        read_data(Batches(x, y), memory_limit=1, cache_dir=tmp_path)
    assert space == [50 * BYTES]  # nothing was written
    # Seven batches like the first, of 8 samples each.
    assert f"about {7 * BATCH * BYTES} bytes" in str(raised.value)
    assert f"cache_dir={str(tmp_path)!r}" in str(raised.value)
    assert "another `cache_dir`" in str(raised.value)


def test_an_endless_dataset_ends_before_the_disk_is_full(monkeypatch, tmp_path):
    total = 10_000
    space = small_disk(monkeypatch, total)
    with pytest.raises(OSError, match="no room") as raised:
        read_data(
            unknown_length(x, y, endless=True),
            memory_limit=1,
            cache_dir=tmp_path,
        )
    assert 0 <= space[0] - total // 20 < BATCH * BYTES
    assert "at least " in str(raised.value)
    assert "A dataset that never ends cannot be used" in str(raised.value)


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="there is no full device"
)
def test_a_full_disk_says_how_much_is_needed(monkeypatch, tmp_path):
    monkeypatch.setattr(
        tempfile, "TemporaryFile", lambda **_: io.FileIO("/dev/full", "w")
    )
    with pytest.raises(OSError, match=os.strerror(28)) as raised:
        read_data(Batches(x, y), memory_limit=1, cache_dir=tmp_path)
    assert f"about {7 * BATCH * BYTES} bytes" in str(raised.value)
    assert f"cache_dir={str(tmp_path)!r}" in str(raised.value)


class Endless(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        return x, y


def unbatched(x, y):
    import grain

    return grain.MapDataset.source(np.asarray(y))


def _damaged(element):
    raise OSError("image-7.jpg is truncated")


class Damaged(Batches):
    def __getitem__(self, index):
        if index == 3:
            raise OSError("image-7.jpg is truncated")
        return super().__getitem__(index)


class Changing(Batches):
    """Batches of which one is unlike the others."""

    def __init__(self, change):
        super().__init__(x, y)
        self.change = change

    def __getitem__(self, index):
        images, labels = super().__getitem__(index)
        return self.change(images, labels) if index == 3 else (images, labels)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: Endless(), "never ends"),
        (lambda: Batches(x[:0], y[:0]), "holds no sample"),
        (lambda: tf_dataset(x, y).repeat(), "never ends"),
        (lambda: tf_dataset(x, y).take(0), "holds no sample"),
        (lambda: tf_dataset(x, y).unbatch(), "not batched"),
        (lambda: Damaged(x, y), "batch 3.*OSError: image-7.jpg is truncated"),
        (lambda: Damaged(x, y, workers=3), "batch 3.*image-7.jpg"),
        (lambda: grain_dataset(x, y).repeat(), "never ends"),
        (lambda: grain_dataset(x, y).repeat().batch(2), "never ends"),
        (lambda: grain_dataset(x, y).map(_damaged), "after 0 samples.*jpg"),
        (lambda: unbatched(x, y), "not batched"),
        (lambda: Changing(lambda a, b: (a[:, 1:], b)), "differ.*batch 3"),
        (lambda: Changing(lambda a, b: (a / 2, b)), "float.*batch 3"),
        (lambda: Changing(lambda a, b: (a, [b])), "differ.*batch 3"),
        (lambda: Changing(lambda a, b: a), "differ.*batch 3"),
        (lambda: Changing(lambda a, b: (a, b[1:])), "numbers of samples"),
    ],
)
@pytest.mark.parametrize("limit", [1, 1_000_000])
def test_unusable_datasets_are_refused(source, message, limit):
    with pytest.raises(ValueError, match=message) as raised:
        read_data(source(), memory_limit=limit)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)


class TooLarge(Batches):
    def __getitem__(self, index):
        raise MemoryError("no room")


def test_a_lack_of_memory_is_no_damage():
    with pytest.raises(MemoryError, match="no room"):
        read_data(TooLarge(x, y))


def test_class_weights_of_text_are_refused():
    with pytest.raises(ValueError, match=r"needs class indices.*Received"):
        read_data(x, np.array(["cat"] * len(x)), class_weight={0: 2.0})


def test_class_weights_are_refused_before_anything_is_read():
    source = Batches(x, y)
    with pytest.raises(TypeError, match="not a mapping"):
        read_data(source, class_weight=[1.0])
    with pytest.raises(ValueError, match="finite number"):
        read_data(source, class_weight={0: np.nan})
    assert source.reads == []


def test_loaders_with_a_sampler_are_refused():
    torch = pytest.importorskip("torch")
    data = torch.utils.data
    samples = list(zip(x, y, strict=True))
    sampler = data.WeightedRandomSampler([1.0] * 50, 50)
    for loader in (
        data.DataLoader(samples, BATCH, sampler=sampler),
        data.DataLoader(samples, batch_size=None),
    ):
        with pytest.raises(TypeError, match="by a sampler") as raised:
            read_data(loader)
        assert "Expected:" in str(raised.value)


@pytest.mark.parametrize("limit", [1, 1_000_000])
def test_loaders_without_positions_are_read(limit):
    torch = pytest.importorskip("torch")

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(zip(x, y, strict=True))

    loader = torch.utils.data.DataLoader(Stream(), BATCH)
    data, batch_size = read_data(loader, memory_limit=limit)
    assert batch_size == BATCH
    np.testing.assert_array_equal(data.x[:], x)
    np.testing.assert_array_equal(data.y[:], y)


def test_a_damaged_sample_of_a_loader_is_named():
    torch = pytest.importorskip("torch")

    class Images(torch.utils.data.Dataset):
        samples = [(f"image-{i}.jpg", 0) for i in range(50)]  # noqa: RUF012

        def __len__(self):
            return 50

        def __getitem__(self, index):
            if index == 21:
                raise OSError("truncated")
            return x[index], y[index]

    with pytest.raises(ValueError, match=r"sample 21, 'image-21\.jpg'"):
        read_data(torch.utils.data.DataLoader(Images(), BATCH))


def test_data_say_whether_they_are_in_memory(tmp_path):
    array = np.arange(12.0).reshape(6, 2)
    np.save(tmp_path / "x.npy", array)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert IndexedData({"a": array, "b": array[::-1]}, array[:, 0]).is_in_memory
    assert not IndexedData({"a": array, "b": mapped}).is_in_memory
