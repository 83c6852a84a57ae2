"""What all pictures share: where they draw, and in which colours.

Colours are those of a map whose lightness grows steadily, so that a picture
says the same when it is printed in grey.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_amto.arguments import wrong_type
from keras_amto.ledger import Ledger

Axes = Any  # matplotlib.axes.Axes, which is imported only to draw
INK = "#222222"
FAINT = "#9a9a9a"


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """Returns the axes to draw into, new ones where none are given.

    Args:
        ax: `matplotlib.axes.Axes`, or `None`.
        width: Float, of new axes, in inches.
        height: Float, likewise.

    Raises:
        ImportError: if matplotlib is missing.
        TypeError: if `ax` is something else.
    """
    pyplot = import_pyplot()
    if ax is not None:
        if not isinstance(ax, pyplot.Axes):
            raise wrong_type(
                "ax", ax, "axes", "`matplotlib.axes.Axes`, or None"
            )
        return ax
    _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return ax


def import_pyplot() -> Any:
    """Imports `matplotlib.pyplot`, or says how to get it."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib. Received: no such module. "
            "Expected: `pip install keras-amto[plots]`."
        ) from error
    return matplotlib.pyplot


def panels(ax: Axes, rows: int, columns: int, title: str = "") -> Any:
    """Divides axes into a grid of smaller ones below a title.

    Args:
        ax: The axes.
        rows: Integer.
        columns: Integer.
        title: String, of one or more lines. Defaults to `""`, none.

    Returns:
        Array of axes of shape `(rows, columns)`.
    """
    ax.set_axis_off()
    figure, spec = ax.figure, ax.get_subplotspec()
    if spec is None:  # axes placed by hand
        from matplotlib.gridspec import GridSpec

        box = ax.get_position()
        spec = GridSpec(
            1, 1, figure,
            left=box.x0, right=box.x1, bottom=box.y0, top=box.y1,
        )[0]  # fmt: skip
    if title:
        # In a row of its own: layouts know nothing of a title that stands
        # above a grid within a cell.
        inches = 0.2 * (title.count("\n") + 1)
        height = figure.get_figheight() * ax.get_position().height - inches
        top, spec = spec.subgridspec(
            2, 1, height_ratios=[inches, max(height, inches)]
        )
        heading = figure.add_subplot(top)
        heading.set_axis_off()
        heading.text(
            0.5, 0.5, title, fontsize=10, ha="center", va="center",
            transform=heading.transAxes,
        )  # fmt: skip
    grid = spec.subgridspec(rows, columns)
    cells = [figure.add_subplot(grid[i]) for i in range(rows * columns)]
    return np.array(cells).reshape(rows, columns)


def task_colours(num_tasks: int) -> list[Any]:
    """Returns one colour a task, from dark to light."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.15, 0.95, num_tasks)))


def ink_on(colour: Any) -> str:
    """Returns black or white, whichever can be read on a colour."""
    red, green, blue = colour[:3]
    lightness = 0.299 * red + 0.587 * green + 0.114 * blue
    return "black" if lightness > 0.5 else "white"


def text_size(num_tasks: int) -> float:
    """Returns a size for text that stands once a task, in points."""
    return float(np.clip(11 - 0.3 * num_tasks, 6, 9))


def heat_map(
    ax: Axes,
    values: Any,
    low: float,
    high: float,
    decimals: int | None,
    size: float,
) -> Any:
    """Draws a matrix, with its figures where `decimals` says how.

    Args:
        ax: The axes.
        values: Float array; NaN is hatched.
        low: Float, the value of the darkest colour.
        high: Float, the value of the lightest.
        decimals: Integer, or `None` for no figures.
        size: Float, of the figures, in points.

    Returns:
        The matplotlib image.
    """
    if low == high:
        low -= 1
    image = ax.imshow(values, "viridis", vmin=low, vmax=high, aspect="auto")
    # What has no value is hatched: in grey, white looks like the lightest.
    ax.patch.set(facecolor="white", edgecolor="#bbbbbb", hatch="////")
    if decimals is None:
        return image
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ax.text(
                column, row, f"{round(value, decimals) + 0.0:.{decimals}f}",
                ha="center", va="center", fontsize=size,
                color=ink_on(image.cmap(image.norm(value))),
            )  # fmt: skip
    return image


def count_tasks(axis: Any, num_tasks: int) -> None:
    """Puts one tick at each task, or at every fourth of many."""
    axis.set_ticks(range(0, num_tasks, 1 if num_tasks <= 8 else 4))


def require_rounds(ledger: Any) -> None:
    """Raises where there is nothing to draw."""
    if not isinstance(ledger, Ledger):
        raise wrong_type("ledger", ledger, "a ledger", "a keras_amto.Ledger")
    if not len(ledger):
        raise ValueError(
            "There is nothing to draw. Received: a `ledger` of 0 rounds. "
            "Expected: the ledger of a model that was fitted."
        )


def require_transfers(ledger: Any) -> None:
    """Raises where there was nobody to learn from."""
    require_rounds(ledger)
    if ledger[0].donors is None:
        raise ValueError(
            "One task alone has no donors, so there is nothing to draw. "
            "Received: the ledger of a run with num_tasks=1. "
            "Expected: one with at least 2."
        )


def save_picture(
    draw: Callable[[], Axes], target: Any, format: str, dpi: int = 100
) -> None:
    """Draws a new figure, writes it and forgets it.

    Equal pictures are written as equal bytes.

    Args:
        draw: Draws into new axes and returns them.
        target: A path or a binary file.
        format: `"png"` or `"svg"`.
        dpi: Integer, pixels an inch. Defaults to `100`.
    """
    pyplot = import_pyplot()
    figure = draw().figure
    try:
        with pyplot.rc_context({"svg.hashsalt": "keras_amto"}):
            figure.savefig(
                target,
                format=format,
                dpi=dpi,
                metadata={"Date": None} if format == "svg" else None,
            )
    finally:
        pyplot.close(figure)
