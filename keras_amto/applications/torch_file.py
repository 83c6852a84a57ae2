"""Reading a state dict that torch saved, without torch.

torch pickles a description of the tensors and keeps the bytes of their storages
apart: in members of a ZIP archive (since torch 1.6), or one after another
behind the pickle (before, and with `_use_new_zipfile_serialization=False`).
Unpickling is confined to the few names that a state dict consists of, so
nothing in a file can run.
"""

import collections
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import IO
from typing import Any

import numpy as np
import numpy.typing as npt

Storage = npt.NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C  # what a file of the older kind begins with
_DTYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_state_dict(
    path: str | os.PathLike[str],
) -> dict[str, npt.NDArray[Any]]:
    """Reads the tensors of a state dict.

    Args:
        path: A file that `torch.save(module.state_dict(), path)` wrote.

    Returns:
        Dict of arrays by parameter name.

    Raises:
        ValueError: if the file is damaged, or holds anything else than tensors
            by name.
    """
    try:
        if zipfile.is_zipfile(path):
            state = _read_archive(path)
        else:
            with open(path, "rb") as file:
                state = _read_sequence(file)
        tensors = {name: np.array(value) for name, value in state.items()}
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        AttributeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"The file {os.fspath(path)!r} is not a state dict: {error} "
            "Expected: what torch.save(module.state_dict(), path) writes."
        ) from error
    if not all(value.dtype.kind in "biuf" for value in tensors.values()):
        raise ValueError(
            f"The file {os.fspath(path)!r} holds other things than tensors. "
            f"Received: {list(tensors)}. Expected: tensors by name."
        )
    return tensors


def _read_archive(path: str | os.PathLike[str]) -> Any:
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith("data.pkl")]
        if len(names) != 1:
            raise ValueError("the archive holds no single data.pkl.")
        prefix = names[0].removesuffix("data.pkl")

        def storage(dtype: Any, key: str, size: int) -> Storage:
            return np.frombuffer(archive.read(f"{prefix}data/{key}"), dtype)

        with archive.open(names[0]) as file:
            return _Unpickler(file, storage).load()


def _read_sequence(file: IO[bytes]) -> Any:
    storages: dict[str, Storage] = {}

    def storage(dtype: Any, key: str, size: int) -> Storage:
        if key not in storages:
            storages[key] = np.zeros(size, dtype)  # its bytes come later
        return storages[key]

    if _Unpickler(file, storage).load() != _MAGIC:
        raise ValueError("it does not begin as torch's files do.")
    for _ in ("protocol", "system"):
        _Unpickler(file, storage).load()
    state = _Unpickler(file, storage).load()
    for key in _Unpickler(file, storage).load():
        file.read(8)  # its size once more
        memory = storages[key].data.cast("B")
        if file.readinto(memory) != len(memory):  # type: ignore[attr-defined]
            raise EOFError("it ends too early.")
    return state


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, file: IO[bytes], storage: Callable[[Any, str, int], Storage]
    ) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        raise pickle.UnpicklingError(f"it refers to {module}.{name}.")

    def persistent_load(self, pid: Any) -> Any:
        _, dtype, key, _, size, *_ = pid
        return self._storage(dtype, key, size)


def _rebuild_tensor(
    storage: Storage,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *_: Any,
) -> npt.NDArray[Any]:
    last = offset + sum(
        step * (length - 1) for step, length in zip(stride, size, strict=True)
    )
    if min((offset, *size, *stride)) < 0 or last >= max(len(storage), 1):
        raise ValueError("a tensor lies outside of its storage.")
    return np.lib.stride_tricks.as_strided(
        storage[offset:],
        size,
        tuple(step * storage.itemsize for step in stride),
    )
