"""The table from which the winner was chosen."""

import math
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.ledger import Finalists
from keras_amto.ledger import Product
from keras_amto.plots import canvas


class FinalTable(NamedTuple):
    """What `finalists` draws.

    Attributes:
        values: Float array of shape `(M + P, columns)`, network by column; the
            last P rows are the average and the ensemble, where there are any.
        products: List of P strings, their names.
        columns: List of strings, their names: the M validation sets, then
            what summarises them.
        winner: Integer, its row.
        answer: Integer, the row of what the model answers with.
        unit: `"%"`, or `"loss"` where there is no accuracy.
        title: String.

    Example:

    ```python
    table = keras_amto.plots.finalists_data(model.finalists)
    print(table.values[table.answer], table.unit)
    ```
    """

    values: npt.NDArray[np.float64]
    products: list[str]
    columns: list[str]
    winner: int
    answer: int
    unit: str
    title: str


_CRITERIA = {
    "harmonic_accuracy": "highest harmonic accuracy",
    "validation_loss": "lowest mean validation loss",
    "clean": "best on clean data",
}
_TIES = {"harmonic_accuracy": "lowest mean loss", "clean": "lowest clean loss"}


def finalists_data(finalists: Finalists) -> FinalTable:
    """Returns what `finalists` draws.

    Args:
        finalists: The `Finalists` of a fitted model.

    Returns:
        The `FinalTable`.

    Raises:
        TypeError: if it is not a `Finalists`.

    Example:

    ```python
    data = keras_amto.plots.finalists_data(model.finalists)
    print(data.columns, data.values[data.winner])
    ```
    """
    if not isinstance(finalists, Finalists):
        kind, expected = "a table", "`finalists` of a model that was fitted"
        raise wrong_type("finalists", finalists, kind, expected)
    table, factor, unit = finalists.accuracies, 100, "%"
    summaries = {
        "harmonic": finalists.harmonic_accuracies,
        "clean": finalists.clean_accuracies,
    }
    if table is None:
        table, factor, unit = finalists.losses, 1, "loss"
        mean = table.mean(axis=1)
        summaries = {"mean": mean, "clean": finalists.clean_losses}
    known = {k: v for k, v in summaries.items() if v is not None}
    values = np.column_stack([table, *known.values()])
    others = finalists.products[1:]
    if others:
        rows = [_row(each, finalists) for each in others]
        values = np.vstack([values, rows])
    names = [product.name for product in others]
    answer = finalists.winner
    if finalists.answer in names:
        answer = len(table) + names.index(finalists.answer)
    return FinalTable(
        values=factor * values,
        products=names,
        columns=[*map(str, range(len(table))), *known],
        winner=finalists.winner,
        answer=answer,
        unit=unit,
        title=_title(finalists),
    )


def _row(product: Product, finalists: Finalists) -> list[float]:
    """The figures of a product, in the columns of the table."""
    if finalists.accuracies is None:
        losses = product.losses
        clean = finalists.clean_losses is not None
        last = [product.clean_loss] if clean else []
        return [*losses, losses.mean(), *map(_number, last)]
    last = [product.harmonic_accuracy]
    if finalists.clean_accuracies is not None:
        last.append(product.clean_accuracy)
    accuracies = () if product.accuracies is None else product.accuracies
    return [*accuracies, *map(_number, last)]


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _title(finalists: Finalists) -> str:
    winner, criterion = finalists.winner, finalists.criterion
    title = f"winner: task {winner}, {_CRITERIA[criterion]}"
    scores = {
        "harmonic_accuracy": finalists.harmonic_accuracies,
        "clean": finalists.clean_accuracies,
    }.get(criterion)
    equals = 1 if scores is None else int((scores == scores[winner]).sum())
    if equals > 1:
        title += f"\n(of {equals} equals the {_TIES[criterion]})"
    if finalists.answer != "winner":
        title += f"\nthe model answers with the {finalists.answer}"
    return title


def finalists(
    finalists: Finalists, ax: canvas.Axes | None = None
) -> canvas.Axes:
    """Draws the accuracy of every network on every validation set.

    The average and the ensemble follow, where they were evaluated. What the
    model answers with is ringed: the winner, or one of these. A network has
    trained on most of the other tasks' validation samples, so figures off the
    diagonal are optimistic.

    Args:
        finalists: The `Finalists` of a fitted model.
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
    width, height = max(4.4, 2.6 + 0.55 * columns), 2.0 + 0.34 * max(rows, 3)
    ax = canvas.axes_for(ax, width, height)
    from matplotlib.patheffects import withStroke

    size = 9 if rows <= 8 else 7
    finite = data.values[np.isfinite(data.values)]
    limits = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    unit, decimals = ("accuracy (%)", 1) if data.unit == "%" else ("loss", 2)
    canvas.heat_map(ax, data.values, limits, decimals, size, unit)
    tasks = rows - len(data.products)
    paper = canvas.paper()
    ax.axvline(tasks - 0.5, color=paper, linewidth=5)
    if data.products:
        ax.axhline(tasks - 0.5, color=paper, linewidth=5)
    ax.axhspan(
        data.answer - 0.5, data.answer + 0.5, fill=False, linewidth=2.4,
        edgecolor=canvas.ink(), clip_on=False, zorder=4,
        # Ink on paper can be seen on any colour.
        path_effects=[withStroke(linewidth=5, foreground=paper)],
    )  # fmt: skip
    ax.set_xticks(range(columns), data.columns, fontsize=size)
    for label in ax.get_xticklabels()[tasks:]:
        label.set(rotation=35, ha="right")
    canvas.name_rows(ax, tasks, data.winner, size, data.products)
    ax.set_xlabel("on the validation set of task")
    ax.set_ylabel("network")
    ax.set_title(data.title, fontsize=10)
    return ax
