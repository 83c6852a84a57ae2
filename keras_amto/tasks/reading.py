"""The first pass over a source: into memory, or to know what is in it."""

import dataclasses
import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.tasks.arrays import aligned_empty
from keras_amto.tasks.class_weights import spread_over_outputs
from keras_amto.tasks.class_weights import weights_of_classes
from keras_amto.tasks.digests import digest_of_all
from keras_amto.tasks.digests import digests_of
from keras_amto.tasks.finite import non_finite_samples
from keras_amto.tasks.gross_set import GrossSet
from keras_amto.tasks.layout import Layout
from keras_amto.tasks.layout import Leaf
from keras_amto.tasks.layout import flatten
from keras_amto.tasks.layout import layout_of
from keras_amto.tasks.reader import Reader
from keras_amto.tasks.sample_set import SampleSet
from keras_amto.tasks.source import Source
from keras_amto.tasks.split import class_labels
from keras_amto.tasks.streamed_set import StreamedSet

_SAMPLES = 256  # at most so many, to build networks with
_SECONDS_OF_SILENCE = 60

_logger = logging.getLogger("keras_amto")


@dataclasses.dataclass
class _FirstPass:
    """What is learned of a source, batch by batch."""

    layout: Layout | None = None
    first: tuple[Leaf, ...] = ()
    batches: list[list[Leaf]] | None = dataclasses.field(default_factory=list)
    bytes: int = 0
    size: int = 0
    digests: list[npt.NDArray[np.uint32]] = dataclasses.field(
        default_factory=list
    )
    labels: list[npt.NDArray[Any]] | None = dataclasses.field(
        default_factory=list
    )
    non_finite: dict[str, int] = dataclasses.field(default_factory=dict)


def read_source(
    source: Source,
    memory_limit: int,
    class_weight: Mapping[int, float] | None = None,
) -> SampleSet:
    """Reads a source into memory, or gives it up and streams it.

    Args:
        source: The source.
        memory_limit: Integer, the bytes that its samples may take.
        class_weight: Optional weights by class index.

    Returns:
        A `GrossSet`, or a `StreamedSet` of what takes more memory.

    Raises:
        TypeError: if the source gives something else than arrays.
        ValueError: if it holds no sample, or samples that differ in shape, or
            cannot be read.
    """
    seen = _read_all(source, memory_limit)
    if seen.layout is None:
        raise ValueError(
            f"The {source.kind} holds no sample. "
            "Received: no batch. Expected: at least one."
        )
    digest = digest_of_all(np.concatenate(seen.digests))
    if seen.batches is not None:
        return _held(seen, seen.layout, digest, class_weight)
    labels = None if seen.labels is None else np.concatenate(seen.labels)
    if class_weight is not None:
        _refuse_both(class_weight, seen.layout.structure[2])
    return StreamedSet(
        size=seen.size,
        reader=Reader(
            source, seen.layout, np.concatenate(seen.digests), memory_limit
        ),
        first=seen.first,
        source_digest=digest,
        first_non_finite=seen.non_finite,
        class_of_each=labels,
        class_weights=(
            None
            if class_weight is None
            else weights_of_classes(class_labels(labels), class_weight)
        ),
    )


def make_gross_set(
    x: Any,
    y: Any,
    sample_weight: Any,
    size: int,
    class_weight: Mapping[int, float] | None,
    source_digest: str | None = None,
) -> GrossSet:
    """Makes a gross set of arrays, with what weights mean in Keras."""
    class_weights = None
    if class_weight is not None:
        _refuse_both(class_weight, sample_weight)
        class_weights = weights_of_classes(y, class_weight)
    elif sample_weight is not None:
        sample_weight = spread_over_outputs(sample_weight, y, size)
    return GrossSet(x, y, sample_weight, size, class_weights, source_digest)


def _refuse_both(class_weight: Any, sample_weight: Any) -> None:
    if sample_weight is not None:
        raise ValueError(
            "`class_weight` and `sample_weight` cannot be used together. "
            "Received: both. Expected: one of them; multiply the class "
            "weights into `sample_weight`."
        )


def _read_all(source: Source, memory_limit: int) -> _FirstPass:
    seen = _FirstPass()
    last_sign = time.monotonic()
    for positions, element in source.read():
        leaves, structure = flatten(element)
        if seen.layout is None:
            seen.layout = layout_of(leaves, structure)
            # Copies: what is given up later must not be held by its beginning.
            seen.first = tuple(leaf[:_SAMPLES].copy() for leaf in leaves)
            expected = (source.size or 0) * seen.layout.sample_bytes
            _give_up_above(memory_limit, expected, seen, source)
        seen.layout.check(leaves)
        found = non_finite_samples(*seen.layout.pack(leaves))
        for name, row in found.items():
            seen.non_finite.setdefault(name, seen.size + row)
        seen.size += len(positions)
        seen.bytes += sum(_memory(leaf) for leaf in leaves)
        seen.digests.append(digests_of(leaves))
        _add_labels(seen, leaves)
        if seen.batches is not None:
            seen.batches.append(leaves)
            _give_up_above(memory_limit, seen.bytes, seen, source)
        if time.monotonic() - last_sign > _SECONDS_OF_SILENCE:
            last_sign = time.monotonic()
            _logger.warning(
                "The %s has given %d samples so far, and goes on. One that "
                "never ends cannot be used.", source.kind, seen.size,
            )  # fmt: skip
    return seen


def _memory(leaf: Leaf) -> int:
    if leaf.dtype == object:
        return sum(len(str(item)) for item in leaf.flat)
    return leaf.nbytes


def _give_up_above(
    limit: int, size: int, seen: _FirstPass, source: Source
) -> None:
    if size <= limit or seen.batches is None:
        return
    seen.batches = None
    _logger.warning(
        "The %s takes more than memory_limit=%d bytes (%.2f GiB), so it is "
        "streamed: it is read once to verify its order, and once every round. "
        "Give AMTOModel another memory_limit to hold it in memory.",
        source.kind, limit, limit / 2**30,
    )  # fmt: skip


def _add_labels(seen: _FirstPass, leaves: list[Leaf]) -> None:
    if seen.labels is None or seen.layout is None:
        return
    number = seen.layout.structure[1]
    if isinstance(number, int) and leaves[number].ndim < 3:
        seen.labels.append(class_labels(leaves[number]))
    else:
        seen.labels = None


def _held(
    seen: _FirstPass,
    layout: Layout,
    digest: str,
    class_weight: Mapping[int, float] | None,
) -> GrossSet:
    # Joined leaf by leaf, so that no more than one is held twice at a time.
    leaves = [
        aligned_empty((seen.size, *shape), dtype)
        for shape, dtype in zip(layout.shapes, layout.dtypes, strict=True)
    ]
    start = 0
    batches = seen.batches or []
    batches.reverse()
    while batches:
        batch = batches.pop()
        for leaf, rows in zip(leaves, batch, strict=True):
            leaf[start : start + len(rows)] = rows
        start += len(batch[0])
    x, y, sample_weight = layout.pack(leaves)
    return make_gross_set(x, y, sample_weight, seen.size, class_weight, digest)
