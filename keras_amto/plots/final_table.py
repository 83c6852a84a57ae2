"""The table from which the winner was chosen."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.ledger import Finalists
from keras_amto.plots.canvas import Axes
from keras_amto.plots.canvas import axes_for
from keras_amto.plots.canvas import heat_map


class FinalTable(NamedTuple):
    """What `finalists` draws.

    Attributes:
        values: Float array of shape `(M, columns)`, network by column.
        columns: List of strings, their names: the validation sets, then what
            was made of them.
        num_sets: Integer, M: how many columns are validation sets.
        winner: Integer, its row.
        unit: `"%"`, or `"loss"` where there is no accuracy.
        title: String.
    """

    values: npt.NDArray[np.float64]
    columns: list[str]
    num_sets: int
    winner: int
    unit: str
    title: str


_CRITERIA = {
    "harmonic_accuracy": "highest harmonic accuracy",
    "validation_loss": "lowest mean validation loss",
    "clean": "best on clean data",
}
# Which loss decides among equals.
_TIES = {
    "harmonic_accuracy": "lowest mean loss",
    "clean": "lowest clean loss",
}


def finalists_data(finalists: Finalists) -> FinalTable:
    """Returns what `finalists` draws.

    Args:
        finalists: A `keras_amto.finalists.Finalists`, as of a fitted model.

    Raises:
        TypeError: if it is something else.
    """
    if not isinstance(finalists, Finalists):
        raise wrong_type(
            "finalists",
            finalists,
            "a table of finalists",
            "`finalists` of a model that was fitted",
        )
    num_sets = len(finalists.losses)
    names = [str(task) for task in range(num_sets)]
    title = f"winner: task {finalists.winner}, {_CRITERIA[finalists.criterion]}"
    equals = _equals(finalists)
    if equals > 1:
        title += f"\n(of {equals} equals the {_TIES[finalists.criterion]})"
    if finalists.accuracies is None:
        parts = [finalists.losses, finalists.losses.mean(axis=1)[:, None]]
        names.append("mean")
        if finalists.clean_losses is not None:
            parts.append(finalists.clean_losses[:, None])
            names.append("clean")
        return FinalTable(
            np.hstack(parts), names, num_sets, finalists.winner, "loss", title
        )
    parts = [finalists.accuracies]
    for name, values in (
        ("harmonic", finalists.harmonic_accuracies),
        ("clean", finalists.clean_accuracies),
    ):
        if values is not None:
            parts.append(values[:, None])
            names.append(name)
    return FinalTable(
        100 * np.hstack(parts), names, num_sets, finalists.winner, "%", title
    )


def _equals(finalists: Finalists) -> int:
    """How many networks are as good as the winner by what decided."""
    scores = {
        "harmonic_accuracy": finalists.harmonic_accuracies,
        "clean": finalists.clean_accuracies,
    }.get(finalists.criterion)
    if scores is None:
        return 1
    return int((scores == scores[finalists.winner]).sum())


def finalists(finalists: Finalists, ax: Axes | None = None) -> Axes:
    """Draws the accuracy of every network on every validation set.

    The winner's row is ringed. A network
    has trained on most of the other tasks' validation samples, so figures off
    the diagonal are optimistic.

    Args:
        finalists: A `keras_amto.finalists.Finalists`, as of a fitted model.
        ax: `matplotlib.axes.Axes` to draw into. Defaults to `None`, a new
            figure.

    Returns:
        The axes.

    Raises:
        TypeError: if an argument is of the wrong type.

    Example:

    ```python
    keras_amto.plots.finalists(model.finalists)
    ```
    """
    data = finalists_data(finalists)
    rows, columns = data.values.shape
    ax = axes_for(ax, max(4.4, 2.6 + 0.55 * columns), 2.0 + 0.34 * max(rows, 3))
    size = 9 if rows <= 8 else 7
    finite = data.values[np.isfinite(data.values)]
    image = heat_map(
        ax, data.values, finite.min(), finite.max(),
        1 if data.unit == "%" else 2, size,
    )  # fmt: skip
    unit = "accuracy (%)" if data.unit == "%" else "loss"
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02)
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    ax.axvline(data.num_sets - 0.5, color="white", linewidth=5)
    _ring(ax, -0.5, data.winner - 0.5, columns)
    ax.set_xticks(range(columns), data.columns, fontsize=size)
    for label in ax.get_xticklabels()[data.num_sets :]:
        label.set_rotation(35)
        label.set_ha("right")
    names = [
        f"task {row}" + (" (winner)" if row == data.winner else "")
        for row in range(rows)
    ]
    ax.set_yticks(range(rows), names, fontsize=size)
    ax.get_yticklabels()[data.winner].set_weight("bold")
    ax.set_xlabel("on the validation set of task")
    ax.set_ylabel("network")
    ax.set_title(data.title, fontsize=10)
    return ax


def _ring(ax: Axes, x: float, y: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    # Black on white, to be seen on any colour.
    for colour, thickness in (("white", 5), ("black", 2.4)):
        ax.add_patch(
            Rectangle(
                (x, y),
                width,
                1,
                fill=False,
                edgecolor=colour,
                linewidth=thickness,
                clip_on=False,
                zorder=4,
            )
        )
