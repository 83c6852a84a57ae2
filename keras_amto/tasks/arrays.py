"""Turning what users call arrays into NumPy arrays."""

import functools
import math
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value

ALIGNMENT = 64  # bytes; what TensorFlow asks of memory that it did not make
_SLICE = 2**24  # bytes that are searched at a time


def to_arrays(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Converts nested arrays, tensors and pandas objects to NumPy arrays.

    Floats become `keras.config.floatx()` and a pandas Series a column of shape
    `(n, 1)`, as in `keras.Model`. An array of the right type is not copied.

    Raises:
        TypeError: if a leaf is not an array.
        ValueError: if a leaf is a scalar, if lengths differ, or if there is no
            sample.
    """
    structures = {"x": x, "y": y, "sample_weight": sample_weight}
    lengths = {}
    for name, given in structures.items():
        convert = functools.partial(_to_array, name)
        structures[name] = map_arrays(convert, given)
        if given is not None:
            lengths[name] = list(map(len, leaves(structures[name])))
    distinct = {length for group in lengths.values() for length in group}
    if len(distinct) != 1:
        sizes = ", ".join(f"{name}: {size}" for name, size in lengths.items())
        raise ValueError(
            "The arrays hold different numbers of samples. "
            f"Received: {sizes}. "
            "Expected: one common length along the first axis."
        )
    if distinct == {0}:
        raise ValueError(
            "The data hold no sample. Received: arrays of length 0. "
            "Expected: at least one sample."
        )
    x, y, sample_weight = structures.values()
    return x, y, sample_weight


def _to_array(name: str, leaf: Any) -> np.ndarray[Any, Any]:
    kind = type(leaf).__name__
    if "Ragged" in kind or "Sparse" in kind or hasattr(leaf, "tocsr"):
        expected = (
            "arrays that can be gathered sample by sample. `x.to_tensor()` of "
            "TensorFlow pads a ragged tensor, keras.utils.pad_sequences a list "
            "of sequences"
        )
        raise wrong_type(name, leaf, "dense, but ragged or sparse", expected)
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
        expected = (
            "a NumPy array, a tensor, or a pandas object; turn lists of "
            "numbers into arrays with `np.array`"
        )
        raise wrong_type(name, leaf, "an array", expected)
    if array.ndim == 0:
        problem = "holds a scalar, which has no sample axis"
        expected = "arrays of shape `(samples, ...)`"
        raise wrong_value(name, leaf, problem, expected)
    if not array.dtype.isnative:  # labels of IDX files, say
        array = array.astype(array.dtype.newbyteorder("="))
    floatx = np.dtype(keras.config.floatx())
    if not np.issubdtype(array.dtype, np.floating) or array.dtype == floatx:
        return array
    converted = aligned_empty(array.shape, floatx)
    converted[...] = array
    return converted


def leaves(structure: Any) -> list[Any]:
    """Returns the arrays of a structure, without `None`."""
    return [leaf for leaf in keras.tree.flatten(structure) if leaf is not None]


def map_arrays(function: Callable[[Any], Any], structure: Any) -> Any:
    """Applies a function to the arrays of a structure; `None` stays."""
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else function(leaf), structure
    )


def aligned_empty(shape: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """Returns an empty array whose memory TensorFlow can use as it is."""
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
