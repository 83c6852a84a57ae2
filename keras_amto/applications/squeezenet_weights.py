"""Reading SqueezeNet's weights from the files that they come in."""

import os
import pickle
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Arrays = list[npt.NDArray[Any]]  # a kernel (height, width, in, out), a bias


def load_squeezenet_weights(
    model: keras.Model, path: str | os.PathLike[str]
) -> None:
    """Loads a SqueezeNet's weights; what else the file has is left out."""
    path = os.fspath(path)
    if path.endswith(".weights.h5"):
        model.load_weights(path)
        return
    layers = [layer for layer in model.layers if layer.weights]
    found = _read(path, [layer.name for layer in layers])
    for layer in layers:
        arrays = found.get(layer.name, [])
        expected = [tuple(variable.shape) for variable in layer.weights]
        received = [array.shape for array in arrays]
        if received != expected:
            raise ValueError(
                f"The weights in {path!r} do not fit layer {layer.name!r} of "
                f"{model.name!r}. Received: shapes {received}. "
                f"Expected: shapes {expected}; give the `version` and the "
                "`classes` of the file, or include_top=False to leave its "
                "classifier out."
            )
        layer.set_weights(arrays)


def _read(path: str, names: list[str]) -> dict[str, Arrays]:
    """Returns the arrays of each layer; `names` are the layers' in order."""
    with open(path, "rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_old_keras(path)
    if start.startswith((b"PK", b"\x80")):  # a ZIP archive, or a pickle
        return dict(zip(names, _read_torch(path), strict=False))
    raise ValueError(
        f"The weights in {path!r} are of an unknown kind. "
        f"Received: a file that starts with {start!r}. "
        "Expected: HDF5, or a state dict saved by torch."
    )


def _read_old_keras(path: str) -> dict[str, Arrays]:
    # Keras needs h5py itself, but not everyone who imports this package does.
    import h5py

    def names(group: Any, kind: str) -> list[str]:
        return [os.fsdecode(name) for name in group.attrs.get(kind, ())]

    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        return {
            layer.replace("/", "_"): [
                np.asarray(root[layer][name])
                for name in names(root[layer], "weight_names")
            ]
            for layer in names(root, "layer_names")
        }


def _read_torch(path: str) -> list[Arrays]:
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            f"Only torch can read {path!r}. Received: no such module. "
            "Expected: `pip install torch`, or an HDF5 file of weights."
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        tensors = [tensor.numpy() for tensor in state.values()]
        # torchvision's order of layers is ours; its axes are (out, in, ...).
        return [
            [kernel.transpose(2, 3, 1, 0), bias]
            for kernel, bias in zip(tensors[::2], tensors[1::2], strict=True)
        ]
    except (
        AttributeError, EOFError, RuntimeError, TypeError, ValueError,
        pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise ValueError(
            f"The file {path!r} is not a state dict of SqueezeNet: {error} "
            f"Received: weights={path!r}. "
            "Expected: what torch.save(module.state_dict(), path) writes."
        ) from error
