"""Finding samples that hold NaN or infinity."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt


def non_finite_samples(x: Any, y: Any, sample_weight: Any) -> dict[str, int]:
    """Finds where samples hold NaN or infinity.

    Args:
        x: Structure of arrays, like the others.
        y: Targets, or `None`.
        sample_weight: Weights, or `None`.

    Returns:
        The position of the first such sample by the name of the argument that
        holds it: `"x"`, `"y"`, `"sample_weight"`. Empty where all is finite.
    """
    parts = {"x": x, "y": y, "sample_weight": sample_weight}
    found = {}
    for name, structure in parts.items():
        positions = [
            position
            for leaf in keras.tree.flatten(structure)
            if (position := _first(leaf)) is not None
        ]
        if positions:
            found[name] = min(positions)
    return found


def _first(leaf: npt.NDArray[Any] | None) -> int | None:
    if leaf is None or not _has_fractions(leaf) or not leaf.size:
        return None
    # NaN and infinities show in the extremes, which need no second array.
    if np.isfinite(leaf.min()) and np.isfinite(leaf.max()):
        return None
    flat = leaf.reshape(len(leaf), -1)
    return next(i for i, row in enumerate(flat) if not np.isfinite(row).all())


def _has_fractions(leaf: npt.NDArray[Any]) -> bool:
    # bfloat16 and its kin are of kind "V" to NumPy.
    return leaf.dtype.kind == "f" or "float" in leaf.dtype.name
