"""Reading SqueezeNet's weights from the files that they come in."""

import os
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.applications.torch_file import read_state_dict

Arrays = list[npt.NDArray[Any]]  # a kernel (height, width, in, out), a bias


def load_squeezenet_weights(
    model: keras.Model, path: str | os.PathLike[str]
) -> None:
    """Gives a SqueezeNet the weights of a file.

    What the file has beyond the model, a classifier in particular, is left out.

    Args:
        model: What `SqueezeNet` has built.
        path: See `SqueezeNet`.

    Raises:
        ValueError: if the file is of another kind, or lacks a layer, or if a
            layer has another shape in it.
    """
    path = os.fspath(path)
    if path.endswith(".weights.h5"):
        model.load_weights(path)
        return
    layers = _read(path)
    for layer in model.layers:
        expected = [tuple(variable.shape) for variable in layer.weights]
        if not expected:
            continue
        arrays = layers.get(layer.name)
        received = [array.shape for array in arrays or ()]
        if arrays is None or received != expected:
            raise ValueError(
                f"The weights in {path!r} do not fit layer {layer.name!r} of "
                f"{model.name!r}. Received: shapes {received}. "
                f"Expected: shapes {expected}; give the `version` and the "
                "`classes` of the file, or include_top=False to leave its "
                "classifier out."
            )
        layer.set_weights(arrays)


def _read(path: str) -> dict[str, Arrays]:
    with open(path, "rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_old_keras(path)
    if zipfile.is_zipfile(path) or start[:1] == b"\x80":
        return _from_torchvision(read_state_dict(path))
    raise ValueError(
        f"The weights in {path!r} are of an unknown kind. "
        f"Received: a file that starts with {start!r}. "
        "Expected: HDF5, or a state dict saved by torch."
    )


def _read_old_keras(path: str) -> dict[str, Arrays]:
    # Keras needs h5py itself, but not everyone who imports this package does.
    import h5py

    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        layers: dict[str, Arrays] = {}
        for name in root.attrs.get("layer_names", root):
            name = name.decode() if isinstance(name, bytes) else name
            arrays: Arrays = []

            def collect(_: str, item: Any, into: Arrays = arrays) -> None:
                if isinstance(item, h5py.Dataset):
                    into.append(np.asarray(item))

            root[name].visititems(collect)
            if arrays:
                # The kernel before the bias.
                arrays.sort(key=lambda array: -array.ndim)
                layers[name.replace("/", "_")] = arrays
    return layers


def _from_torchvision(
    state: Mapping[str, npt.NDArray[Any]],
) -> dict[str, Arrays]:
    """Renames torchvision's layers, and turns kernels round."""
    fires = sorted(
        {int(m[1]) for m in map(_FIRE.match, state) if m is not None}
    )
    names = {"features.0": "conv1", "classifier.1": "conv10"}
    for number, position in enumerate(fires, start=2):
        for part in ("squeeze", "expand1x1", "expand3x3"):
            ours = "squeeze1x1" if part == "squeeze" else part
            names[f"features.{position}.{part}"] = f"fire{number}_{ours}"
    return {
        ours: [
            np.transpose(state[f"{theirs}.weight"], (2, 3, 1, 0)),
            state[f"{theirs}.bias"],
        ]
        for theirs, ours in names.items()
        if f"{theirs}.weight" in state and f"{theirs}.bias" in state
    }


_FIRE = re.compile(r"features\.(\d+)\.squeeze\.weight$")
