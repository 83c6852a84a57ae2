"""The same samples in every form that can be read."""

import os
import pathlib

import keras
import numpy as np
import pytest

BATCH = 8


def open_files(directory):
    """Returns the number of files without a name that are open there."""
    descriptors = pathlib.Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("this system does not tell which files are open")
    count = 0
    for descriptor in descriptors.iterdir():
        try:
            count += os.readlink(descriptor).startswith(f"{directory}/")
        except FileNotFoundError:  # that of the listing itself
            continue
    return count


class Batches(keras.utils.PyDataset):
    """Arrays as a `PyDataset` that counts what is read of it."""

    def __init__(self, x, y, shuffle=False, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y = x, y
        self.order = np.arange(len(x))
        self.generator = np.random.default_rng(0) if shuffle else None
        self.reads = []

    def __len__(self):
        return -(-len(self.x) // BATCH)

    def __getitem__(self, index):
        if self.generator is not None and index == 0:
            self.order = self.generator.permutation(self.order)
        self.reads.append(index)
        rows = self.order[index * BATCH : (index + 1) * BATCH]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.order[::-1]


def tf_dataset(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)


def loader(x, y, **kwargs):
    torch = pytest.importorskip("torch")

    samples = [
        (torch.from_numpy(np.asarray(a)), b) for a, b in zip(x, y, strict=True)
    ]
    return torch.utils.data.DataLoader(samples, batch_size=BATCH, **kwargs)


def grain_dataset(x, y):
    import grain

    samples = list(zip(np.asarray(x), y, strict=True))
    return grain.MapDataset.source(samples).batch(BATCH)


def grain_loader(x, y):
    import grain

    samples = list(zip(np.asarray(x), y, strict=True))
    return grain.DataLoader(
        data_source=samples,
        sampler=grain.samplers.SequentialSampler(
            len(samples), grain.sharding.NoSharding()
        ),
        operations=[grain.transforms.Batch(BATCH)],
    )


KINDS = {
    "grain.MapDataset": grain_dataset,
    "grain.IterDataset": lambda x, y: grain_dataset(x, y).to_iter_dataset(),
    "grain.DataLoader": grain_loader,
    "tf.data": tf_dataset,
    "PyDataset": Batches,
    "PyDataset with workers": lambda x, y: Batches(
        x, y, workers=3, max_queue_size=2
    ),
    "DataLoader": loader,
    "DataLoader that shuffles": lambda x, y: loader(x, y, shuffle=True),
}
