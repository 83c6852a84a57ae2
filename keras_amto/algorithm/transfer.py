"""Determining transfer: does the shadow replace the master?

Paper, section III-B-2 and Algorithm 1, lines 14 to 16. `master_losses[m]` is
J(theta_m | D_m^v), `shadow_losses[m]` is J(theta-bar_m | D_m^v).
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def comparable_losses(losses: npt.ArrayLike) -> FloatArray:
    """Returns losses with `+inf` for every value that is not finite.

    All comparisons in the package follow this rule: a diverged replica can
    always be replaced, and never wins. A bare `<` against NaN is false both
    ways, and a diverged master would stay forever.

    Args:
        losses: Array of any shape.

    Returns:
        Float array of the same shape.

    Example:

    >>> comparable_losses([0.5, np.nan, -np.inf]).tolist()
    [0.5, inf, inf]
    """
    values = np.asarray(losses, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.inf)


def accepts(
    master_losses: npt.ArrayLike, shadow_losses: npt.ArrayLike
) -> BoolArray:
    """Returns where the shadow replaces the master (Algorithm 1, line 14).

    The shadow's validation loss must be strictly lower. Non-finite losses count
    as infinite.

    Args:
        master_losses: Array of shape `(M,)`.
        shadow_losses: Array of shape `(M,)`.

    Returns:
        Boolean array of shape `(M,)`.

    Example:

    >>> accepts([1.0, 1.0, np.nan], [0.9, 1.0, 7.0]).tolist()
    [True, False, True]
    """
    masters = comparable_losses(master_losses)
    return np.asarray(comparable_losses(shadow_losses) < masters)
