"""Sources that are larger than memory."""

import logging
import os
import tempfile
import threading

import keras
import numpy as np
import pytest

from keras_amto.tasks import GrossSet
from keras_amto.tasks import in_order
from keras_amto.tasks import read_gross_set
from keras_amto.tasks.collection import Collection
from keras_amto.tasks.layout import flatten
from keras_amto.tasks.layout import layout_of
from keras_amto.tasks.sources import source_of
from keras_amto.tasks.streamed_set import StreamedSet
from tests.tasks.sources import BATCH
from tests.tasks.sources import KINDS
from tests.tasks.sources import Batches
from tests.tasks.sources import grain_dataset
from tests.tasks.sources import tf_dataset

x = np.random.default_rng(0).integers(0, 255, (50, 4, 4, 3), dtype="uint8")
y = np.arange(50) % 7
BYTES = 48 + 8  # of a sample


def stream(source, limit=1, **kwargs):
    data, batch_size = read_gross_set(source, memory_limit=limit, **kwargs)
    assert isinstance(data, StreamedSet)
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
    assert all(isinstance(part, GrossSet) for part, _ in parts)
    assert [batch.size for batch in batches[:-1]] == [5] * (len(batches) - 1)
    return [
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("x", "y")
    ]


@pytest.mark.parametrize("limit", [1, 2_000, 1_000_000])
@pytest.mark.parametrize("kind", KINDS)
def test_any_samples_can_be_asked_for(kind, limit):
    data, _ = read_gross_set(KINDS[kind](x, y), memory_limit=limit)
    assert isinstance(data, StreamedSet) == (limit < 50 * BYTES)
    assert data.size == 50
    order = np.random.default_rng(1).permutation(50)[:30]
    data.keep(order[:4])
    data.expect(order[4:], order[:10])
    for indices in (order[4:], order[:4], order, order[:10]):
        got_x, got_y = gather(data, indices)
        np.testing.assert_array_equal(got_x, x[indices])
        np.testing.assert_array_equal(got_y, y[indices])
        assert got_x.dtype == np.uint8
    data.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_is_the_same_whether_held_or_streamed(kind):
    held, _ = read_gross_set(KINDS[kind](x, y))
    streamed = stream(KINDS[kind](x, y))
    assert held.digest == streamed.digest
    np.testing.assert_array_equal(held.labels, streamed.labels)
    other, _ = read_gross_set(KINDS[kind](x, y + 1))
    assert other.digest != held.digest


def test_weights_are_those_of_the_set_in_memory():
    source = tf_dataset({"a": x}, y)
    weights = {1: 3.0, 4: 0.5}
    held, _ = read_gross_set(source, class_weight=weights)
    streamed = stream(source, class_weight=weights)
    assert held.digest == streamed.digest
    assert streamed.batch(np.arange(5)).sample_weight is None
    indices = np.array([8, 4, 1, 0])
    np.testing.assert_array_equal(
        streamed.for_training().batch(indices).sample_weight,
        held.for_training().batch(indices).sample_weight,
    )


def test_one_pass_serves_what_is_kept_and_what_is_trained_on(reads):
    data = stream(reads.source)
    assert reads.count() == 50  # the first pass
    data.keep(np.arange(10))
    data.expect(np.arange(10, 50), None)
    assert reads.count() == 50
    for _ in range(3):
        gather(data, np.arange(40, 50))
        gather(data, np.arange(3))
    assert reads.count() == 0
    data.expect(np.arange(0, 50, 2), None)
    assert reads.count() <= 50


@pytest.fixture
def reads():
    """Counts how many samples TensorFlow reads."""
    import tensorflow as tf

    class Reads:
        def __init__(self):
            self.seen = 0
            self.source = (
                tf.data.Dataset.from_tensor_slices((x, y))
                .map(self.look)
                .batch(BATCH)
            )

        def look(self, image, label):
            def note(position):
                self.seen += 1
                return position

            return image, tf.py_function(note, [label], tf.int64)

        def count(self):
            seen, self.seen = self.seen, 0
            return seen

    return Reads()


def test_the_next_round_is_read_while_this_one_trains():
    source = Batches(x, y)
    data = stream(source)
    data.expect(np.arange(8), np.arange(8, 24))
    data.reader._reading.result(timeout=60)
    assert source.reads[-3:] == [0, 1, 2]
    data.expect(np.arange(8, 24), None)
    assert source.reads[-3:] == [0, 1, 2]  # not again
    before = threading.active_count()
    data.expect(np.arange(8), np.arange(40))
    data.close()
    assert threading.active_count() <= before


def test_only_batches_that_are_needed_are_read_where_that_can_be():
    source = Batches(x, y)
    data = stream(source)
    source.reads.clear()
    data.expect(np.array([17, 9, 49]), None)
    assert source.reads == [1, 2, 6]


def test_a_dataset_is_read_no_further_than_needed(reads):
    data = stream(reads.source)
    reads.count()
    data.expect(np.array([3, 9]), None)
    assert reads.count() < 50


def test_what_exceeds_the_limit_waits_in_a_file():
    leaves, structure = flatten((x, y.astype("float32")))
    layout = layout_of(leaves, structure)
    size = layout.sample_bytes
    for memory, in_memory in ((50 * size, True), (50 * size - 1, False)):
        collection = Collection(np.arange(50), layout, memory, part=12 * size)
        assert collection.in_memory == in_memory
        for start in range(0, 50, 16):
            rows = slice(start, start + 16)
            collection.add(np.arange(50)[rows], [leaf[rows] for leaf in leaves])
        assert collection.is_complete
        indices = np.array([40, 3, 3, 49])
        for got, leaf in zip(collection.take(indices), leaves, strict=True):
            np.testing.assert_array_equal(got, leaf[indices])
    runs = list(collection.runs(in_order(np.arange(50), 5)))
    assert [len(run.order) for run in runs] == [10] * 5
    assert all(run.splits.tolist() == [0, 5, 10] for run in runs)


def test_a_batch_above_the_limit_is_a_run_of_its_own():
    leaves, structure = flatten(x)
    collection = Collection(np.arange(50), layout_of(leaves, structure), 1, 1)
    runs = list(collection.runs(in_order(np.arange(50), 20)))
    assert [len(run.order) for run in runs] == [20, 20, 10]


def test_a_full_disk_is_said_with_the_remedies(monkeypatch, tmp_path):
    class FullFile:
        def seek(self, position):
            pass

        def close(self):
            pass

        def write(self, row):
            return len(row) // 2  # as when there is no room for the rest

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: FullFile())
    data = stream(tf_dataset(x, y))
    with pytest.raises(OSError, match=os.strerror(28)) as raised:
        data.expect(np.arange(50), None)
    assert "TMPDIR" in str(raised.value)
    assert "memory_limit" in str(raised.value)


def test_a_message_names_the_limit_when_it_decides(caplog):
    with caplog.at_level(logging.WARNING, "keras_amto"):
        read_gross_set(tf_dataset(x, y), memory_limit=50 * BYTES)
        assert not caplog.records
        stream(tf_dataset(x, y), limit=50 * BYTES - 1)
    (record,) = caplog.records
    assert f"memory_limit={50 * BYTES - 1} bytes" in record.getMessage()
    assert "streamed" in record.getMessage()


def test_texts_are_streamed_as_well():
    import tensorflow as tf

    texts = np.array([f"text {'x' * i}".encode() for i in range(50)])
    source = tf.data.Dataset.from_tensor_slices((texts, y)).batch(BATCH)
    data = stream(source)
    data.expect(np.arange(20), None)
    assert data.batch(np.array([3, 0])).x.tolist() == [b"text xxx", b"text "]


# What is refused


def test_a_dataset_that_shuffles_anew_is_refused_with_the_remedy():
    import tensorflow as tf

    slices = tf.data.Dataset.from_tensor_slices((x, y))
    source = slices.shuffle(50, seed=0).batch(BATCH)
    data = stream(source)
    with pytest.raises(ValueError, match="not the same in every pass") as error:
        data.expect(np.arange(50), None)
    assert "in another order" in str(error.value)
    assert "reshuffle_each_iteration=False" in str(error.value)
    assert "image_dataset_from_directory" in str(error.value)
    # Read once it may do so, and with the remedy it is read again and again.
    assert isinstance(read_gross_set(source)[0], GrossSet)
    steady = slices.shuffle(50, seed=0, reshuffle_each_iteration=False)
    stream(steady.batch(BATCH)).expect(np.arange(50), None)


def test_a_dataset_that_augments_anew_is_refused_with_the_remedy():
    import tensorflow as tf

    generator = np.random.default_rng(0)

    def noisy(images):
        return images + generator.integers(0, 9, images.shape, dtype="uint8")

    source = tf_dataset(x, y).map(
        lambda images, labels: (
            tf.numpy_function(noisy, [images], tf.uint8),
            labels,
        )
    )
    with pytest.raises(ValueError, match="other samples than") as error:
        stream(source).expect(np.arange(50), None)
    assert "AMTOModel(..., augment=...)" in str(error.value)


def test_a_pydataset_that_reshuffles_is_refused():
    with pytest.raises(ValueError, match="The PyDataset is not the same"):
        stream(Batches(x, y, shuffle=True)).expect(np.arange(50), None)


def test_the_end_of_an_epoch_does_not_reshuffle_a_pydataset():
    data = stream(Batches(x, y))  # whose `on_epoch_end` would turn it round
    for _ in range(2):
        data.expect(np.arange(50), None)
        np.testing.assert_array_equal(data.batch(np.arange(50)).x, x)


def test_a_dataset_that_has_become_shorter_is_refused():
    import tensorflow as tf

    length = tf.Variable(50, dtype=tf.int64)
    source = tf_dataset(x, y).unbatch().batch(BATCH)
    source = source.take_while(lambda image, label: label[0] >= 0)
    source = tf.data.Dataset.range(7).flat_map(
        lambda i: source.skip(i).take(
            tf.cast(i * BATCH < length.read_value(), tf.int64)
        )
    )
    data = stream(source)
    length.assign(30)
    with pytest.raises(ValueError, match="become shorter"):
        data.expect(np.arange(50), None)


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


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: Endless(), "never ends"),
        (lambda: Batches(x[:0], y[:0]), "holds no sample"),
        (lambda: tf_dataset(x, y).repeat(), "never ends"),
        (lambda: tf_dataset(x, y).take(0), "holds no sample"),
        (lambda: tf_dataset(x, y).unbatch(), "not batched|differ"),
        (lambda: Damaged(x, y), "Batch 3 .*OSError: image-7.jpg is truncated"),
        (lambda: Damaged(x, y, workers=3), "Batch 3 .*image-7.jpg"),
        (lambda: grain_dataset(x, y).repeat(), "never ends"),
        (lambda: grain_dataset(x, y).map(_damaged), "after 0 samples .*jpg"),
        (lambda: unbatched(x, y), "not batched|differ"),
    ],
)
@pytest.mark.parametrize("limit", [1, 1_000_000])
def test_unusable_sources_are_refused(source, message, limit):
    with pytest.raises(ValueError, match=message) as raised:
        read_gross_set(source(), memory_limit=limit)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)


def test_loaders_without_positions_are_refused():
    torch = pytest.importorskip("torch")
    data = torch.utils.data

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter([(x[0], 0)])

    samples = list(zip(x, y, strict=True))
    sampler = data.WeightedRandomSampler([1.0] * 50, 50)
    for loader, message in (
        (data.DataLoader(Stream()), "IterableDataset"),
        (data.DataLoader(samples, BATCH, sampler=sampler), "by a sampler"),
        (data.DataLoader(samples, batch_size=None), "by a sampler"),
    ):
        with pytest.raises(TypeError, match=message) as raised:
            source_of(loader)
        assert "Expected:" in str(raised.value)


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
        read_gross_set(torch.utils.data.DataLoader(Images(), BATCH))
