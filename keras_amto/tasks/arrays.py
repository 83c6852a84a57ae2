"""Turning what users call arrays into NumPy arrays."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

ALIGNMENT = 64  # bytes; what TensorFlow asks of memory that it did not make
_SLICE = 2**24  # bytes that are searched at a time


def to_arrays(structure: Any, label: str) -> Any:
    """Converts every leaf of a structure to a NumPy array.

    Floating-point leaves become `keras.config.floatx()`, as in `keras.Model`;
    other types stay as they are. An array of the right type is not copied.

    Args:
        structure: NumPy arrays, backend tensors, pandas objects, or nested
            dicts, lists and tuples of these. `None` stays `None`.
        label: String, how messages call it: `"x"`, `"y"`, `"sample_weight"`.

    Returns:
        The same structure with NumPy arrays as leaves. A pandas Series becomes
        a column of shape `(n, 1)`, as in Keras.

    Raises:
        TypeError: if a leaf is not an array.
        ValueError: if a leaf is a scalar.
    """
    if structure is None:
        return None
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else _to_array(leaf, label),
        structure,
    )


def _to_array(leaf: Any, label: str) -> np.ndarray[Any, Any]:
    kind = type(leaf).__name__
    if "Ragged" in kind or "Sparse" in kind or hasattr(leaf, "tocsr"):
        raise TypeError(
            f"`{label}` holds a ragged or sparse tensor, which cannot be "
            "gathered sample by sample. "
            f"Received: {type(leaf)}. "
            "Expected: dense arrays. `x.to_tensor()` of TensorFlow pads a "
            "ragged tensor, keras.utils.pad_sequences a list of sequences."
        )
    if isinstance(leaf, np.ndarray):
        array = leaf
    elif hasattr(leaf, "to_numpy"):  # pandas
        array = leaf.to_numpy()
        if array.ndim == 1:
            array = array[:, np.newaxis]
    elif keras.ops.is_tensor(leaf):
        array = keras.ops.convert_to_numpy(leaf)
    elif hasattr(leaf, "__array__"):
        array = np.asarray(leaf)
    else:
        raise TypeError(
            f"`{label}` holds something that is not an array. "
            f"Received: {leaf!r} (of type {type(leaf)}). "
            "Expected: a NumPy array, a tensor, or a pandas object; turn lists "
            "of numbers into arrays with `np.array`."
        )
    if array.ndim == 0:
        raise ValueError(
            f"`{label}` holds a scalar, which has no sample axis. "
            f"Received: {leaf!r}. Expected: arrays of shape `(samples, ...)`."
        )
    if not array.dtype.isnative:  # labels of IDX files, say
        array = array.astype(array.dtype.newbyteorder("="))
    floatx = np.dtype(keras.config.floatx())
    if not np.issubdtype(array.dtype, np.floating) or array.dtype == floatx:
        return array
    converted = aligned_empty(array.shape, floatx)
    converted[...] = array
    return converted


def aligned_empty(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """Returns an empty array whose memory TensorFlow can use as it is.

    Args:
        shape: Tuple of integers.
        dtype: The type of its items. Python objects are not aligned.
    """
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        return np.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    aligned: np.ndarray[Any, Any] = memory[start : start + size].view(dtype)
    return aligned.reshape(shape)


def bytes_of(array: np.ndarray[Any, Any]) -> memoryview:
    """Returns the bytes of a contiguous array, which is not copied."""
    return array.reshape(-1).view(np.uint8).data


def slices(array: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yields consecutive rows of an array, in memory or on disk."""
    count = max(1, _SLICE // max(1, array[:1].nbytes))
    for start in range(0, len(array), count):
        yield array[start : start + count]


def first_non_finite(array: Any) -> int | None:
    """Returns the first row with NaN or infinity, `None` without one."""
    if "float" not in array.dtype.name:  # as that of bfloat16 is
        return None
    start = 0
    for rows in slices(array):
        # NaN and infinities show in the extremes, which need no second array.
        if rows.size and not np.isfinite([rows.min(), rows.max()]).all():
            finite = np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
            return start + int(np.argmin(finite))
        start += len(rows)
    return None


def take(array: Any, indices: Any) -> np.ndarray[Any, Any]:
    """Gathers rows into memory that TensorFlow can use as it is."""
    if not isinstance(array, np.ndarray):
        rows: np.ndarray[Any, Any] = array[indices]  # on disk
        return rows
    rows = aligned_empty((len(indices), *array.shape[1:]), array.dtype)
    if array.flags.c_contiguous:
        return np.take(array, indices, axis=0, out=rows, mode="clip")
    rows[...] = array[indices]  # `np.take` would first copy all of it
    return rows


def lies_ready(array: Any) -> bool:
    """Says whether TensorFlow can use an array where it lies, uncopied."""
    return (
        isinstance(array, np.ndarray)
        and array.dtype.kind in "fiu"
        and array.flags.c_contiguous
        and array.flags.writeable
        and array.ctypes.data % ALIGNMENT == 0
    )


def common_length(**structures: Any) -> int:
    """Returns the number of samples that all leaves share.

    Args:
        **structures: Structures of NumPy arrays by name; `None` is left out.

    Returns:
        Integer, at least 1.

    Raises:
        ValueError: if lengths differ, or there is no sample.
    """
    lengths = {
        name: [
            len(leaf)
            for leaf in keras.tree.flatten(structure)
            if leaf is not None
        ]
        for name, structure in structures.items()
        if structure is not None
    }
    distinct = {length for group in lengths.values() for length in group}
    if len(distinct) != 1:
        sizes = ", ".join(f"{name}: {size}" for name, size in lengths.items())
        raise ValueError(
            "The arrays hold different numbers of samples. "
            f"Received: {sizes}. "
            "Expected: one common length along the first axis."
        )
    (length,) = distinct
    if length == 0:
        raise ValueError(
            "The data hold no sample. Received: arrays of length 0. "
            "Expected: at least one sample."
        )
    return length
