"""Records to bytes and back, bit for bit, with a checksum.

A file is a magic word, the SHA-256 of the rest, the length of a JSON text, that
text, and all arrays in NumPy's own format. A record (a dataclass or a named
tuple) is written field by field, whatever its fields are, or as the text that
its `to_json` returns. Arrays and records that are one object are written once.
Nothing in a file is executed when it is read.
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

_MAGIC = b"AMTO\x00\x04\r\n"
_NPY = (3, 0)  # the version that knows any name of a field
_BODY = len(_MAGIC) + hashlib.sha256().digest_size  # where it begins


class BackupError(ValueError):
    """A file that is not a whole backup."""


def encode(value: Any, records: Collection[type] = ()) -> list[bytes]:
    """Turns a nested value into the bytes of a file, part by part.

    Args:
        value: Records, dicts with string keys, lists and tuples of NumPy arrays
            and scalars of any type but objects, strings, numbers (NaN and
            infinities too), booleans and `None`. Tensors in a record come back
            as NumPy arrays. All else is refused with a `TypeError`: it could
            not be read back exactly.
        records: The classes of records that may be in it.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    packed_records: list[Any] = []
    # With the object, so that no two share an id.
    places: dict[int, tuple[int, Any]] = {}

    def pack(item: Any, in_record: bool = False) -> Any:
        kind = type(item)
        if kind in records:
            if id(item) not in places:
                # Text, where it has one: a thousand rounds are small arrays.
                content = (
                    item.to_json()
                    if hasattr(item, "to_json")
                    else {
                        name: pack(getattr(item, name), in_record=True)
                        for name in _field_names(kind)
                    }
                )
                places[id(item)] = len(packed_records), item
                packed_records.append([kind.__name__, content])
            return {"record": places[id(item)][0]}
        is_scalar = isinstance(item, np.generic)
        is_tensor = in_record and hasattr(item, "__array__")
        if kind is np.ndarray or is_scalar or is_tensor:
            if id(item) not in places:
                places[id(item)] = len(arrays), item
                arrays.append(_as_array(item))
            return {"scalar" if is_scalar else "array": places[id(item)][0]}
        if isinstance(item, dict) and all(type(key) is str for key in item):
            return {"dict": {key: pack(each) for key, each in item.items()}}
        if kind is tuple:
            return {"tuple": [pack(each, in_record) for each in item]}
        if kind is list:
            return [pack(each) for each in item]
        # Of these types themselves: a subclass would not come back.
        if item is None or kind in (bool, int, float, str):
            return item
        raise _refusal(item)

    packed = pack(value)
    names = [_foreign_name(array.dtype) for array in arrays]
    # Not as escapes: two lone surrogates would come back as one character.
    text = json.dumps(
        {"value": packed, "records": packed_records, "types": names},
        ensure_ascii=False,
    ).encode(errors="surrogatepass")
    body = [len(text).to_bytes(8, "big"), text, *map(_to_npy, arrays, names)]
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return [_MAGIC, digest.digest(), *body]


def decode(content: bytes, records: Collection[type] = ()) -> Any:
    """Turns the bytes of a file back into the value.

    Raises:
        BackupError: if the bytes are not exactly those that were written.
    """
    if not content.startswith(_MAGIC):
        raise BackupError(
            "it is not a backup of this version, or its beginning is damaged"
        )
    body = memoryview(content)[_BODY:]
    if hashlib.sha256(body).digest() != content[len(_MAGIC) : _BODY]:
        raise BackupError("its checksum is wrong: it is torn or damaged")
    end = 8 + int.from_bytes(body[:8], "big")
    header = json.loads(bytes(body[8:end]).decode(errors="surrogatepass"))
    rest = io.BytesIO(body[end:])
    arrays = [_from_npy(rest, name) for name in header["types"]]
    made: list[Any] = []

    def unpack(item: Any) -> Any:
        if isinstance(item, list):
            return [unpack(each) for each in item]
        if not isinstance(item, dict):
            return item
        ((kind, held),) = item.items()
        if kind == "record":
            return made[held]
        if kind == "array":
            return arrays[held]
        if kind == "scalar":
            return arrays[held][()]
        if kind == "tuple":
            return tuple(map(unpack, held))
        return {key: unpack(each) for key, each in held.items()}

    classes: dict[str, Any] = {kind.__name__: kind for kind in records}
    for name, held in header["records"]:  # those within it come before it
        record = classes[name]
        if isinstance(held, str):
            made.append(record.from_json(held))
        else:
            fields = {key: unpack(each) for key, each in held.items()}
            made.append(record(**fields))
    return unpack(header["value"])


def _field_names(record: Any) -> list[str]:
    if dataclasses.is_dataclass(record):
        return [field.name for field in dataclasses.fields(record)]
    return list(record._fields)


def _as_array(item: Any) -> np.ndarray[Any, Any]:
    """The array, or that of a scalar, if it can be read back."""
    array = np.asarray(item)
    if isinstance(item, np.str_ | np.bytes_) and array[()] != item:
        raise _refusal(item)  # NumPy drops zeros at its end
    dtype = array.dtype
    is_kept = _foreign_name(dtype) is not None or (
        dtype.kind in "biufcmMSUV"
        and not dtype.hasobject
        and npy.descr_to_dtype(npy.dtype_to_descr(dtype)) == dtype
    )
    if not is_kept:
        raise _refusal(item)
    return array


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
        "Expected: dicts with string keys, lists, tuples, NumPy arrays and "
        "scalars without objects, strings, numbers, booleans or None."
    )
