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
    """Loads the weights of a SqueezeNet from a file.

    What the file has beyond the model, such as a classifier, is left out.

    Args:
        model: What `SqueezeNet` has built.
        path: See `SqueezeNet`.

    Raises:
        ValueError: if the file is of another kind, or a layer is missing or has
            another shape, or if the file needs torch, which is not installed.
    """
    path = os.fspath(path)
    if path.endswith(".weights.h5"):
        model.load_weights(path)
        return
    layers = _read(path)
    for layer in model.layers:
        expected = [tuple(variable.shape) for variable in layer.weights]
        arrays = layers.get(layer.name, [])
        received = [array.shape for array in arrays]
        if expected and received != expected:
            raise ValueError(
                f"The weights in {path!r} do not fit layer {layer.name!r} of "
                f"{model.name!r}. Received: shapes {received}. "
                f"Expected: shapes {expected}; give the `version` and the "
                "`classes` of the file, or include_top=False to leave its "
                "classifier out."
            )
        if expected:
            layer.set_weights(arrays)


def _read(path: str) -> dict[str, Arrays]:
    with open(path, "rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_old_keras(path)
    if start.startswith((b"PK", b"\x80")):  # a ZIP archive, or a pickle
        return _read_torch(path)
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


def _read_torch(path: str) -> dict[str, Arrays]:
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            f"Only torch can read {path!r}. Received: no such module. "
            "Expected: `pip install torch`, or an HDF5 file of weights."
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
    except (
        AttributeError,
        EOFError,
        RuntimeError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise ValueError(
            f"The file {path!r} is not a state dict: {error} "
            "Expected: what torch.save(module.state_dict(), path) writes."
        ) from error
    return _from_torchvision(arrays)


def _from_torchvision(state: dict[str, npt.NDArray[Any]]) -> dict[str, Arrays]:
    """Renames layers, and brings kernels into Keras' order of axes."""
    ends = ".squeeze.weight"
    fires = [name.removesuffix(ends) for name in state if name.endswith(ends)]
    fires.sort(key=lambda name: int(name.removeprefix("features.")))
    names = {"conv1": "features.0", "conv10": "classifier.1"}
    for number, fire in enumerate(fires, start=2):
        names[f"fire{number}_squeeze1x1"] = f"{fire}.squeeze"
        names[f"fire{number}_expand1x1"] = f"{fire}.expand1x1"
        names[f"fire{number}_expand3x3"] = f"{fire}.expand3x3"
    return {
        ours: [
            np.transpose(state[f"{theirs}.weight"], (2, 3, 1, 0)),
            state[f"{theirs}.bias"],
        ]
        for ours, theirs in names.items()
        if {f"{theirs}.weight", f"{theirs}.bias"} <= set(state)
    }
