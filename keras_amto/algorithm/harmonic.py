"""Which of the M networks wins: equation 7 and its tie-breaks."""

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm.transfer import comparable_losses

FloatArray = npt.NDArray[np.float64]


def harmonic_accuracy(accuracies: npt.ArrayLike) -> FloatArray:
    r"""Returns the harmonic mean of each network's accuracies (eq. 7).

    $$A_{har} = \frac{M}{\sum_{m=1}^M 1 / A_m}$$

    The accuracies of one network over the M validation sets lie along the last
    axis. An accuracy of zero makes it zero, which is the limit. So does one
    that is negative or not finite.

    >>> harmonic_accuracy([[0.5, 1.0], [0.0, 1.0]]).round(4).tolist()
    [0.6667, 0.0]
    """
    values = np.asarray(accuracies, dtype=np.float64)
    usable = np.all(np.isfinite(values) & (values > 0), axis=-1)
    # A tiny subnormal accuracy overflows to 1 / inf = 0, which is its limit.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        mean = values.shape[-1] / np.sum(1.0 / values, axis=-1)
    return np.where(usable, mean, 0.0)


def best_candidate(scores: npt.ArrayLike, losses: npt.ArrayLike) -> int:
    """Returns the index of the highest score; the lower loss breaks ties.

    A score that is not finite loses to every finite one. Where everything is
    equal the lowest index wins.

    >>> best_candidate([0.9, 0.9, 0.8], [0.4, 0.3, 0.1])
    1
    """
    values = np.asarray(scores, dtype=np.float64)
    values = np.where(np.isfinite(values), values, -np.inf)
    order = np.lexsort((comparable_losses(losses), -values))
    return int(order[0])
