"""Records to bytes and back, bit for bit, with a checksum.

A file is a magic word, the SHA-256 of the rest, the length of a JSON text, that
text, and all arrays in NumPy's own format. A record (a dataclass or a named
tuple) is written field by field, whatever its fields are, or as the text that
its `to_json` returns. Arrays and records
that are one object are written once. Nothing in a file is executed when it is
read.
"""

import dataclasses
import hashlib
import io
import json
from collections.abc import Collection
from typing import Any

import ml_dtypes
import numpy as np
from numpy.lib import format as npy

_MAGIC = b"AMTO\x00\x03\r\n"
_NPY = (3, 0)  # the version that knows any name of a field
_DIGEST = hashlib.sha256().digest_size
_HEADER = len(_MAGIC) + _DIGEST + 8


class BackupError(ValueError):
    """A file that is not a whole backup."""


def encode(value: Any, records: Collection[type] = ()) -> list[bytes]:
    """Turns a nested value into the bytes of a file.

    Args:
        value: Records, dicts with string keys, lists and tuples of NumPy arrays
            and scalars of any type but objects, strings, numbers (NaN and
            infinities too), booleans and `None`. Tensors in a record come back
            as NumPy arrays.
        records: The classes of records that may be in it.

    Returns:
        List of bytes, to be written one after another.

    Raises:
        TypeError: if something else is in it, which could not be read back
            exactly.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    packed_records: list[Any] = []
    places: dict[int, int] = {}
    alive = []  # so that no two objects share an id

    def pack(item: Any, in_record: bool = False) -> Any:
        if type(item) in records:
            if id(item) not in places:
                # Text, where it has one: a thousand rounds are small arrays.
                content = (
                    item.to_json()
                    if hasattr(item, "to_json")
                    else [
                        [name, pack(each, in_record=True)]
                        for name, each in _fields(item)
                    ]
                )
                places[id(item)] = len(packed_records)
                packed_records.append([type(item).__name__, content])
                alive.append(item)
            return {"record": places[id(item)]}
        is_tensor = in_record and hasattr(item, "__array__")
        if (
            type(item) is np.ndarray
            or isinstance(item, np.generic)
            or is_tensor
        ):
            if id(item) not in places:
                places[id(item)] = len(arrays)
                arrays.append(_as_array(item))
                alive.append(item)
            kind = "scalar" if isinstance(item, np.generic) else "array"
            return {kind: places[id(item)]}
        if isinstance(item, dict):
            return {"dict": {_key(k): pack(v) for k, v in item.items()}}
        if type(item) is tuple:
            return {"tuple": [pack(each, in_record) for each in item]}
        if type(item) is list:
            return [pack(each) for each in item]
        # Of these types themselves: a subclass would not come back.
        if item is None or type(item) in (bool, int, float, str):
            return item
        raise _refusal(item)

    packed = pack(value)
    names = [_foreign_name(array.dtype) for array in arrays]
    # Not as escapes: two lone surrogates would come back as one character.
    text = json.dumps(
        {"value": packed, "records": packed_records, "types": names},
        ensure_ascii=False,
    ).encode(errors="surrogatepass")
    body = [
        len(text).to_bytes(8, "big"),
        text,
        *(_to_npy(*pair) for pair in zip(arrays, names, strict=True)),
    ]
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return [_MAGIC, digest.digest(), *body]


def decode(content: bytes, records: Collection[type] = ()) -> Any:
    """Turns the bytes of a file back into the value.

    Args:
        content: What `encode` returned, joined.
        records: The classes of records that may be in it.

    Raises:
        BackupError: if the bytes are not exactly those that were written.
    """
    if len(content) < _HEADER or not content.startswith(_MAGIC):
        raise BackupError(
            "it is not a backup of this version, or its beginning is damaged"
        )
    digest = content[len(_MAGIC) : len(_MAGIC) + _DIGEST]
    body = memoryview(content)[len(_MAGIC) + _DIGEST :]
    if hashlib.sha256(body).digest() != digest:
        raise BackupError("its checksum is wrong: it is torn or damaged")
    end = 8 + int.from_bytes(body[:8], "big")
    header = json.loads(bytes(body[8:end]).decode(errors="surrogatepass"))
    rest = io.BytesIO(body[end:])
    arrays = [_from_npy(rest, name) for name in header["types"]]

    made: list[Any] = []
    kinds = {kind.__name__: kind for kind in records}

    def unpack(item: Any) -> Any:
        if isinstance(item, list):
            return [unpack(each) for each in item]
        if isinstance(item, dict):
            if "record" in item:
                return made[item["record"]]
            if "tuple" in item:
                return tuple(map(unpack, item["tuple"]))
            if "array" in item:
                return arrays[item["array"]]
            if "scalar" in item:
                return arrays[item["scalar"]][()]
            return {key: unpack(each) for key, each in item["dict"].items()}
        return item

    def unpack_field(pair: Any) -> Any:
        return pair[0], unpack(pair[1])

    for kind, content in header["records"]:  # those within it come before it
        record: Any = kinds[kind]
        if isinstance(content, str):
            made.append(record.from_json(content))
        else:
            made.append(record(**dict(map(unpack_field, content))))
    return unpack(header["value"])


def _fields(record: Any) -> list[tuple[str, Any]]:
    names = (
        [field.name for field in dataclasses.fields(record)]
        if dataclasses.is_dataclass(record)
        else record._fields
    )
    return [(name, getattr(record, name)) for name in names]


def _key(key: Any) -> str:
    if type(key) is not str:
        raise TypeError(
            f"A backup's dicts have string keys. Received: {key!r}. "
            "Expected: a string."
        )
    return key


def _as_array(item: Any) -> np.ndarray[Any, Any]:
    """The array, or that of a scalar, if it can be read back."""
    array = np.asarray(item)
    dtype = array.dtype
    if isinstance(item, np.str_ | np.bytes_) and array[()] != item:
        raise _refusal(item)  # NumPy drops zeros at its end
    if _foreign_name(dtype) is None and not _is_kept(dtype):
        raise _refusal(item)
    return array


def _is_kept(dtype: np.dtype[Any]) -> bool:
    """Whether NumPy's format keeps a type."""
    return (
        dtype.kind in "biufcmMSUV"
        and not dtype.hasobject
        and npy.descr_to_dtype(npy.dtype_to_descr(dtype)) == dtype
    )


def _foreign_name(dtype: np.dtype[Any]) -> str | None:
    """The name of bfloat16 or one of its kin, which NumPy does not know."""
    kind = getattr(ml_dtypes, dtype.name, None)
    return dtype.name if kind is not None and np.dtype(kind) == dtype else None


def _to_npy(array: np.ndarray[Any, Any], name: str | None) -> bytes:
    file = io.BytesIO()
    if name is not None:
        array = array.view(f"u{array.itemsize}")
    npy.write_array(file, array, _NPY, allow_pickle=False)
    return file.getvalue()


def _from_npy(file: io.BytesIO, name: str | None) -> np.ndarray[Any, Any]:
    # The checksum stands for the header, however long its type is.
    size = file.getbuffer().nbytes
    array = npy.read_array(file, allow_pickle=False, max_header_size=size)
    return array if name is None else array.view(getattr(ml_dtypes, name))


def _refusal(item: Any) -> TypeError:
    return TypeError(
        "A backup holds what can be read back exactly. "
        f"Received: {item!r} (of type {type(item)}). "
        "Expected: dicts, lists, tuples, NumPy arrays and scalars without "
        "objects, strings, numbers, booleans or None."
    )
