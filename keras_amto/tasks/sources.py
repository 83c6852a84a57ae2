"""Which datasets can be read, and how."""

import collections
import concurrent.futures
import dataclasses
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras

_ENDLESS = 2**40  # batches: more than any data set has


@dataclasses.dataclass(frozen=True)
class Source:
    """The batches of a dataset, which are read once."""

    kind: str  # what messages call the dataset
    batches: Iterable[Any]  # of `x`, `(x, y)` or `(x, y, sample_weight)`
    num_batches: int | None  # `None` where it is not known
    # What is wrong with the samples behind so many, where that can be told.
    locate: Callable[[int], str | None] = lambda start: None


def source_of(x: Any) -> Source | None:
    """Returns what reads a dataset, or `None` for arrays."""
    # A dataset's library has been imported where there is such a dataset.
    grain, torch = sys.modules.get("grain"), sys.modules.get("torch")
    if isinstance(x, keras.utils.PyDataset):
        return _py_dataset(x)
    if is_dataset(x):
        return _tf_dataset(x)
    if grain is not None and isinstance(
        x, grain.MapDataset | grain.IterDataset | grain.DataLoader
    ):
        return _grain_dataset(x)
    if torch is not None and isinstance(x, torch.utils.data.DataLoader):
        return _torch_loader(x)
    return None


def is_dataset(x: Any) -> bool:
    """Says whether something is a `tf.data.Dataset`."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(x, tensorflow.data.Dataset)


def _endless(received: Any, remedy: str) -> ValueError:
    return ValueError(
        "The dataset never ends, so it cannot be split into training and "
        f"validation sets. Received: {received}. Expected: {remedy}."
    )


def _tf_dataset(dataset: Any) -> Source:
    tf = sys.modules["tensorflow"]
    count = int(dataset.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        raise _endless(dataset, "a finite one; take `.repeat()` away")

    def locate(start: int) -> str | None:
        for path in getattr(dataset, "file_paths", ()):
            try:
                content = tf.io.read_file(path)
                tf.io.decode_image(content, expand_animations=False)
            except tf.errors.OpError:
                return f"the image {path!r} cannot be decoded"
        return None

    batches = dataset.as_numpy_iterator()
    known = None if count < 0 else count
    return Source("tf.data.Dataset", batches, known, locate)


def _py_dataset(dataset: keras.utils.PyDataset) -> Source:
    # `on_epoch_end`, in which some shuffle themselves, is not called.
    read, count = dataset.__getitem__, dataset.num_batches
    if count is None:
        received = f"num_batches=None from {type(dataset)}"
        raise _endless(received, "a finite number of batches")
    batches: Iterator[Any] = map(read, range(count))
    if dataset.workers > 1:
        ahead = max(dataset.workers, dataset.max_queue_size)
        batches = _read_ahead(read, count, dataset.workers, ahead)
    return Source("PyDataset", batches, count)


def _read_ahead(
    read: Callable[[int], Any], count: int, workers: int, ahead: int
) -> Iterator[Any]:
    """Reads some batches in threads before they are asked for."""
    pending: collections.deque[concurrent.futures.Future[Any]]
    pending = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        for number in range(count):
            pending.append(executor.submit(read, number))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _grain_dataset(dataset: Any) -> Source:
    count = len(dataset) if hasattr(dataset, "__len__") else None
    # Grain's length of a dataset that is repeated without end, be it divided
    # by the size of batches.
    if count is not None and count >= _ENDLESS:
        raise _endless(dataset, "a finite one; take `.repeat()` away")
    return Source("Grain dataset", dataset, count)


def _torch_loader(loader: Any) -> Source:
    torch = sys.modules["torch"]
    data = torch.utils.data
    dataset, sampler = loader.dataset, loader.sampler
    if isinstance(dataset, data.IterableDataset):
        return Source("DataLoader", loader, None)
    is_plain = isinstance(sampler, data.SequentialSampler) or (
        isinstance(sampler, data.RandomSampler)
        and not sampler.replacement
        and sampler.num_samples == len(dataset)
    )
    if not is_plain or loader.batch_size is None:
        raise TypeError(
            "The DataLoader picks samples by a sampler of its own, which "
            f"`fit` would pass over. Received: sampler={type(sampler)}, "
            f"batch_size={loader.batch_size}. "
            "Expected: batch_size=..., shuffle=False (or True), and "
            "torch.utils.data.Subset to pick samples."
        )

    def locate(start: int) -> str | None:
        for position in range(start, len(dataset))[: loader.batch_size]:
            try:
                dataset[position]
            except Exception:
                # As torchvision's datasets of folders have it.
                files = getattr(dataset, "samples", None)
                name = "" if files is None else f", {files[position][0]!r},"
                return f"sample {position}{name} cannot be read"
        return None

    # In the order of the dataset, so that a run can be repeated.
    batches = data.DataLoader(
        dataset,
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        # So that nothing is drawn from the global generator.
        generator=torch.Generator().manual_seed(0),
    )
    return Source("DataLoader", batches, len(batches))
