"""Who learns from whom: equations 3, 4 and 6 of the paper.

Every task keeps a list of how much it has gained from each other task. A donor
is drawn by softmax over that list, and the trial's gain updates the list.

Symbols (Zhang, Qin, Pan, Sellis, IJCNN 2020, section III-B-2):

| paper      | here                   | shape    |
|------------|------------------------|----------|
| RL_m, r_j  | `relationships[m, j]`  | `(M, M)` |
| p_j        | `probabilities[m, j]`  | `(M, M)` |
| j drawn    | `donors[m]`            | `(M,)`   |

The diagonal of `relationships` has no meaning and stays zero.
"""

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm.transfer import comparable_losses

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def initial_relationships(num_tasks: int) -> FloatArray:
    """Returns the relationship lists before the first round (eq. 3)."""
    return np.zeros((num_tasks, num_tasks))


def donor_probabilities(
    relationships: FloatArray, selection: str = "adaptive"
) -> FloatArray:
    r"""Returns the probability of every donor (eq. 4), at least two tasks.

    $$p_j = \frac{e^{r_j}}{\sum_{k \ne m} e^{r_k}}, \quad j \ne m$$

    computed with the row's maximum subtracted, so that large relationships do
    not overflow. Row m sums to one and its m-th entry is zero. With
    `selection="uniform"`, an ablation, all other tasks are equally likely.

    >>> donor_probabilities(np.zeros((3, 3)))[0].tolist()
    [0.0, 0.5, 0.5]
    """
    if selection == "uniform":
        relationships = np.zeros_like(relationships)
    logits = relationships.copy()
    np.fill_diagonal(logits, -np.inf)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def donor_entropy(probabilities: FloatArray) -> FloatArray:
    r"""Returns how undecided each task's choice is, in bits; not in the paper.

    $$H_m = -\sum_j p_{mj} \log_2 p_{mj}$$

    It is $\log_2(M - 1)$ where all other tasks are equally likely, and 0 where
    one of them is certain.
    """
    logarithms = np.log2(
        probabilities, out=np.zeros_like(probabilities), where=probabilities > 0
    )
    # `0.0 -`, because a minus sign would give a certain choice -0 bits.
    return np.asarray(0.0 - (probabilities * logarithms).sum(axis=1))


def draw_donors(
    probabilities: FloatArray, generator: np.random.Generator
) -> IntArray:
    """Draws one donor for each task, never itself (Algorithm 1, line 11).

    >>> p = donor_probabilities(np.zeros((2, 2)))
    >>> draw_donors(p, np.random.default_rng(0)).tolist()
    [1, 0]
    """
    num_tasks = len(probabilities)
    draws = generator.random(num_tasks)
    return np.array(
        [
            # Without the task itself, which then cannot be drawn even where
            # rounding leaves the last sum below the number drawn.
            _invert(np.delete(probabilities[task], task), draws[task], task)
            for task in range(num_tasks)
        ],
        dtype=np.int64,
    )


def _invert(others: FloatArray, draw: float, task: int) -> int:
    position = int(np.searchsorted(np.cumsum(others), draw, side="right"))
    position = min(position, int(np.flatnonzero(others)[-1]))
    return position if position < task else position + 1


def update_relationships(
    relationships: FloatArray,
    donors: IntArray,
    master_losses: FloatArray,
    shadow_losses: FloatArray,
    decay: float = 1.0,
) -> FloatArray:
    r"""Updates each task's relationship to the donor that it tried (eq. 6).

    $$r_j \leftarrow r_j + \tanh\left(J(\theta_m | D_m^v)
      - J(\bar\theta_m | D_m^v)\right)$$

    with the losses of before any replacement. A non-finite loss counts as
    infinite: a diverged master changes r by +1, a diverged shadow by -1. Where
    both diverged, r stays as it is. `decay` is a factor on the old $r_j$; the
    author's scalable variant uses 0.8.

    >>> r = update_relationships(
    ...     np.zeros((2, 2)), np.array([1, 0]),
    ...     np.array([1.0, np.nan]), np.array([np.inf, 1.0]))
    >>> r.tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    masters = comparable_losses(master_losses)
    shadows = comparable_losses(shadow_losses)
    both_diverged = np.isinf(masters) & np.isinf(shadows)
    with np.errstate(invalid="ignore"):
        gain = np.where(both_diverged, 0.0, np.tanh(masters - shadows))
    updated = relationships.copy()
    tasks = np.arange(len(donors))
    tried = updated[tasks, donors]
    updated[tasks, donors] = np.where(
        both_diverged, tried, decay * tried + gain
    )
    return updated
