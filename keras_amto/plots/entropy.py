"""How undecided the choice of donors was over training."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import donor_entropy
from keras_amto.ledger import Ledger
from keras_amto.plots import canvas


class DonorEntropy(NamedTuple):
    """What `entropy` draws.

    Attributes:
        steps: Integer array of shape `(rounds,)`: the training steps at which
            each round's donors were drawn.
        entropies: Float array of shape `(rounds, M)`, in bits.
        maximum: Float, in bits, where all donors are equally likely.

    Example:

    ```python
    data = keras_amto.plots.entropy_data(model.ledger)
    print(data.entropies.mean(axis=1))  # over tasks, for each round
    ```
    """

    steps: npt.NDArray[np.int64]
    entropies: npt.NDArray[np.float64]
    maximum: float


def entropy_data(ledger: Ledger) -> DonorEntropy:
    """Returns what `entropy` draws.

    Args:
        ledger: A `Ledger` of at least two tasks.

    Returns:
        The `DonorEntropy`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or only one task.

    Example:

    ```python
    data = keras_amto.plots.entropy_data(model.ledger)
    print(data.entropies[-1] / data.maximum)
    ```
    """
    canvas.check_ledger(ledger, transfers=True)
    return DonorEntropy(
        steps=np.array([0, *(record.step for record in ledger[:-1])]),
        entropies=np.array(
            [
                donor_entropy(record.donor_probabilities)
                for record in ledger
                if record.donor_probabilities is not None
            ]
        ),
        maximum=float(np.log2(len(ledger[0].accepted) - 1)),
    )


def entropy(ledger: Ledger, ax: canvas.Axes | None = None) -> canvas.Axes:
    """Draws the entropy of the donor choice: each task's, and the mean.

    Args:
        ledger: A `Ledger` of at least two tasks.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`, a new
            figure.

    Returns:
        The axes.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the ledger holds no round, or only one task.

    Example:

    ```python
    keras_amto.plots.entropy(model.ledger)
    ```
    """
    data = entropy_data(ledger)
    ax = canvas.axes_for(ax, 7, 3.6)
    ink = canvas.ink()
    lines = ax.plot(
        data.steps, data.entropies, color=canvas.FAINT, linewidth=0.8
    )
    lines[0].set_label("a task")
    (mean,) = ax.plot(
        data.steps,
        data.entropies.mean(axis=1),
        color=ink,
        linewidth=2.2,
    )
    mean.set_label("mean over tasks")
    label = f"all donors equally likely: {data.maximum:.2f} bits"
    ax.axhline(data.maximum, color=ink, linestyle="--", label=label)
    low = float(data.entropies.min())
    height = max(data.maximum - low, 0.1)
    ax.set_ylim(low - 0.05 * height, data.maximum + 0.3 * height)
    ax.set_xlim(0, max(1, data.steps[-1]))
    ax.set_xlabel("training steps")
    ax.set_ylabel("entropy (bits)")
    title = "entropy of the donor choice"
    if data.maximum == 0:
        title += ": with two tasks there is one donor"
    ax.set_title(title, fontsize=10)
    ax.legend(loc="upper center", ncols=3, frameon=False, fontsize=8)
    return ax
