"""Nested values to bytes and back, bit for bit, with a checksum.

A file is a magic word, the SHA-256 of the rest, the length of a JSON text, that
text, and the bytes of all arrays. Arrays that are one object are written once.
No part of it is executed when it is read.
"""

import hashlib
import json
from typing import Any

import ml_dtypes
import numpy as np

_MAGIC = b"AMTO\x00\x01\r\n"
_DIGEST = hashlib.sha256().digest_size
_HEADER = len(_MAGIC) + _DIGEST + 8


class BackupError(ValueError):
    """A file that is no whole backup."""


def encode(value: Any) -> list[bytes]:
    """Turns a nested value into the bytes of a file.

    Args:
        value: Nested dicts with string keys, lists and tuples (which come back
            as lists) of NumPy arrays and scalars, strings, numbers (NaN and
            infinities too), booleans and `None`.

    Returns:
        List of bytes, to be written one after another.

    Raises:
        TypeError: if something else is in it.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    places: dict[int, int] = {}

    def pack(item: Any) -> Any:
        if isinstance(item, np.ndarray | np.generic):
            if id(item) not in places:
                places[id(item)] = len(arrays)
                arrays.append(np.asarray(item))
            return {"array": places[id(item)]}
        if isinstance(item, dict):
            return {"dict": {_key(k): pack(v) for k, v in item.items()}}
        if isinstance(item, list | tuple):
            return [pack(each) for each in item]
        if item is None or isinstance(item, bool | int | float | str):
            return item
        raise TypeError(
            "A backup holds arrays and plain values alone. "
            f"Received: {item!r} (of type {type(item)}). "
            "Expected: dicts, lists, NumPy arrays, strings, numbers or None."
        )

    packed = pack(value)
    text = json.dumps(
        {
            "value": packed,
            "arrays": [[a.dtype.name, list(a.shape)] for a in arrays],
        }
    ).encode()
    # The arrays live until here, so no two of them shared an id.
    body = [len(text).to_bytes(8, "big"), text, *(a.tobytes() for a in arrays)]
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return [_MAGIC, digest.digest(), *body]


def decode(content: bytes) -> Any:
    """Turns the bytes of a file back into the value.

    Raises:
        BackupError: if the bytes are not exactly those that were written.
    """
    if len(content) < _HEADER or not content.startswith(_MAGIC):
        raise BackupError("it is no backup, or its beginning is damaged")
    digest = content[len(_MAGIC) : len(_MAGIC) + _DIGEST]
    body = memoryview(content)[len(_MAGIC) + _DIGEST :]
    if hashlib.sha256(body).digest() != digest:
        raise BackupError("its checksum is wrong: it is torn or damaged")
    end = 8 + int.from_bytes(body[:8], "big")
    header = json.loads(bytes(body[8:end]))
    arrays = []
    for name, shape in header["arrays"]:
        dtype = _dtype(name)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        raw = np.frombuffer(body[end : end + size], dtype)
        arrays.append(raw.reshape(shape).copy())
        end += size

    def unpack(item: Any) -> Any:
        if isinstance(item, list):
            return [unpack(each) for each in item]
        if isinstance(item, dict):
            if "array" in item:
                return arrays[item["array"]]
            return {key: unpack(each) for key, each in item["dict"].items()}
        return item

    return unpack(header["value"])


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(
            f"A backup's dicts have string keys. Received: {key!r}. "
            "Expected: a string."
        )
    return key


def _dtype(name: str) -> np.dtype[Any]:
    # bfloat16 and its kin are unknown to NumPy by name.
    return np.dtype(getattr(ml_dtypes, name, name))
