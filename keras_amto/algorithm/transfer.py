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

    >>> comparable_losses([0.5, np.nan, -np.inf]).tolist()
    [0.5, inf, inf]
    """
    values = np.asarray(losses, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.inf)


def accepts(
    master_losses: npt.ArrayLike, shadow_losses: npt.ArrayLike
) -> BoolArray:
    """Returns where the shadow's loss is strictly lower (line 14).

    >>> accepts([1.0, 1.0, np.nan], [0.9, 1.0, 7.0]).tolist()
    [True, False, True]
    """
    masters = comparable_losses(master_losses)
    return np.asarray(comparable_losses(shadow_losses) < masters)
