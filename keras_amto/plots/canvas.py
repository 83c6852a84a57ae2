"""What the pictures share: axes, colours, and how tasks are labelled.

Colours are those of viridis, whose lightness grows steadily, so a picture says
the same when it is printed in grey. Ink and paper are those of matplotlib's
style, so a picture fits into a dark notebook or page as into a light one.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.ledger import Ledger

Axes = Any  # matplotlib.axes.Axes; matplotlib is imported only to draw
FAINT = "#8c8c8c"  # can be seen on black as on white


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """Returns `ax`, or the axes of a new figure of a size in inches."""
    pyplot = _pyplot()
    if ax is None:
        size = (width, height)
        return pyplot.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, pyplot.Axes):
        raise wrong_type("ax", ax, "axes", "`matplotlib.axes.Axes`, or None")
    return ax


def loose_axes(width: float, height: float) -> Axes:
    """Returns axes of a new figure that pyplot does not know, nor shows."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib. Received: no such module. "
            "Expected: `pip install matplotlib`."
        ) from error
    return matplotlib.pyplot


def ink() -> Any:
    """Returns the colour of text in matplotlib's style."""
    return _pyplot().rcParams["text.color"]


def paper() -> Any:
    """Returns the colour that axes have in matplotlib's style."""
    return _pyplot().rcParams["axes.facecolor"]


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
    draw: Callable[[], Axes],
    target: Any,
    format: str,
    dpi: int = 100,
    style: Mapping[str, Any] | None = None,
) -> None:
    """Draws a new figure and writes it; equal pictures give equal bytes.

    `style` are settings of matplotlib, for this picture alone.
    """
    pyplot = _pyplot()
    metadata = {"Date": None} if format == "svg" else None
    settings = {"svg.hashsalt": "keras_amto", **(style or {})}
    with pyplot.rc_context(settings):
        figure = draw().figure
        try:
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
    ax.patch.set(facecolor=paper(), edgecolor=FAINT, hatch="////")
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
    return "black" if _lightness(colour) > 0.5 else "white"


def _lightness(colour: Any) -> float:
    return float(np.dot(colour[:3], (0.299, 0.587, 0.114)))


def colours(count: int) -> list[Any]:
    """Returns so many colours, from dark to light, that the paper shows."""
    import matplotlib

    on_dark = _lightness(matplotlib.colors.to_rgb(paper())) < 0.5
    low, high = (0.35, 1.0) if on_dark else (0.0, 0.88)
    return list(matplotlib.colormaps["viridis"](np.linspace(low, high, count)))


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
