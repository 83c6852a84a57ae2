"""What the pictures share: axes, colours, and how tasks are labelled.

Colours are those of viridis, whose lightness grows steadily, so a picture says
the same when it is printed in grey.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.ledger import Ledger

Axes = Any  # matplotlib.axes.Axes; matplotlib is imported only to draw
INK = "#222222"
FAINT = "#9a9a9a"


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """Returns `ax`, or the axes of a new figure of a size in inches."""
    pyplot = _pyplot()
    if ax is None:
        size = (width, height)
        return pyplot.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, pyplot.Axes):
        raise wrong_type("ax", ax, "axes", "`matplotlib.axes.Axes`, or None")
    return ax


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib. Received: no such module. "
            "Expected: `pip install keras-amto[plots]`."
        ) from error
    return matplotlib.pyplot


def figure_within(ax: Axes) -> Any:
    """Replaces axes by a `matplotlib.figure.SubFigure`, and returns it."""
    ax.set_axis_off()
    spec = ax.get_subplotspec()
    if spec is None:  # axes placed by hand
        box = ax.get_position()
        widths = [box.x0, box.width, 1 - box.x1]
        heights = [1 - box.y1, box.height, box.y0]
        spec = ax.figure.add_gridspec(
            3, 3, width_ratios=widths, height_ratios=heights
        )[1, 1]
    return ax.figure.add_subfigure(spec)


def save_picture(
    draw: Callable[[], Axes], target: Any, format: str, dpi: int = 100
) -> None:
    """Draws a new figure and writes it; equal pictures give equal bytes."""
    pyplot = _pyplot()
    figure = draw().figure
    metadata = {"Date": None} if format == "svg" else None
    try:
        with pyplot.rc_context({"svg.hashsalt": "keras_amto"}):
            figure.savefig(target, format=format, dpi=dpi, metadata=metadata)
    finally:
        pyplot.close(figure)


def heat_map(
    ax: Axes,
    values: npt.NDArray[np.float64],
    limits: tuple[float, float],
    decimals: int | None,
    size: float,
    unit: str,
) -> None:
    """Draws a matrix from dark to light, its figures, and its scale."""
    low, high = limits
    low -= low == high
    image = ax.imshow(values, "viridis", vmin=low, vmax=high, aspect="auto")
    # Hatched, because in grey white looks like the lightest colour.
    ax.patch.set(facecolor="white", edgecolor="#bbbbbb", hatch="////")
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.06, pad=0.03)
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    style = dict(ha="center", va="center", fontsize=size)
    for (row, column), value in np.ndenumerate(values):
        if decimals is not None and np.isfinite(value):
            figure = f"{round(value, decimals) + 0.0:.{decimals}f}"  # not -0
            ink = ink_on(image.to_rgba(value))
            ax.text(column, row, figure, color=ink, **style)


def ink_on(colour: Any) -> str:
    """Returns black or white, whichever can be read on a colour."""
    lightness = np.dot(colour[:3], (0.299, 0.587, 0.114))
    return "black" if lightness > 0.5 else "white"


def colour(number: int, count: int) -> Any:
    """Returns one of so many colours, none so light that it is hard to see."""
    import matplotlib

    return matplotlib.colormaps["viridis"](0.85 * number / max(1, count - 1))


def text_size(num_tasks: int) -> float:
    """Returns a size for text that appears once for each task, in points."""
    return float(np.clip(11 - 0.3 * num_tasks, 6, 9))


def name_rows(
    ax: Axes,
    num_tasks: int,
    winner: int | None,
    size: float,
    others: Sequence[str] = (),
) -> None:
    """Labels row m with task m, the winner in bold, and others below."""
    names = [f"task {task}" for task in range(num_tasks)]
    if winner is not None:
        names[winner] += " (winner)"
    names += others
    ax.set_yticks(range(len(names)), names, fontsize=size)
    if winner is not None:
        ax.get_yticklabels()[winner].set_weight("bold")


def check_ledger(ledger: Any, transfers: bool = False) -> None:
    """Raises where there is no round to draw, or no transfer."""
    if not isinstance(ledger, Ledger):
        raise wrong_type("ledger", ledger, "a ledger", "a keras_amto.Ledger")
    if not len(ledger):
        expected = "the ledger of a model that was fitted"
        raise wrong_value("ledger", ledger, "is empty", expected)
    if transfers and ledger[0].donors is None:
        problem = "is of one task alone, which has no donors"
        expected = "the ledger of a run with num_tasks of at least 2"
        raise wrong_value("ledger", ledger, problem, expected)
