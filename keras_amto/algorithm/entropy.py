"""How undecided the choice of donors is, which the paper does not measure."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def donor_entropy(probabilities: FloatArray) -> FloatArray:
    r"""Returns the Shannon entropy of each task's choice of a donor.

    $$H_m = -\sum_j p_{mj} \log_2 p_{mj}$$

    It is $\log_2(M - 1)$ bits where all other tasks are equally likely, and 0
    where one of them is certain.

    Args:
        probabilities: Array of shape `(M, M)` from `donor_probabilities`.

    Returns:
        Array of shape `(M,)`, in bits.

    Example:

    >>> donor_entropy(np.array([[0, 0.5, 0.5], [1, 0, 0], [0, 1, 0]])).tolist()
    [1.0, 0.0, 0.0]
    """
    logarithms = np.log2(
        probabilities, out=np.zeros_like(probabilities), where=probabilities > 0
    )
    # `0.0 -`, because a minus sign would give a certain choice -0 bits.
    return np.asarray(0.0 - (probabilities * logarithms).sum(axis=1))
