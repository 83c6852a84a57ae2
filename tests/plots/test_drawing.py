"""Pictures, as matplotlib lays them out."""

import numpy as np
import pytest

matplotlib = pytest.importorskip(
    "matplotlib", reason="pictures need matplotlib"
)
matplotlib.use("Agg")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from keras_amto import plots
from keras_amto.plots import canvas
from keras_amto.report.palette import DARK
from keras_amto.report.palette import LIGHT
from keras_amto.showing import PICTURE_SIZE
from tests.plots import runs

SCORES = {
    arm: {seed: 0.9 + 0.01 * rank + 0.002 * seed for seed in range(4)}
    for rank, arm in enumerate(["sto", "best_of_k", "amto_holdout", "plp"])
}
LADDER = dict.fromkeys((2, 4, 8, 16), SCORES["best_of_k"])


def pictures(num_tasks):
    ledger = runs.random_run(num_tasks, rounds=30)
    return {
        "curves": lambda ax: plots.curves(ledger, 1, ax=ax),
        "lineage": lambda ax: plots.lineage(ledger, 1, ax=ax),
        "relationships": lambda ax: plots.relationships(ledger, ax=ax),
        "entropy": lambda ax: plots.entropy(ledger, ax=ax),
        "finalists": lambda ax: plots.finalists(
            runs.finalists(num_tasks, clean=True), ax=ax
        ),
        "products": lambda ax: plots.finalists(
            runs.finalists(num_tasks, answer="average"), ax=ax
        ),
        "ladder": lambda ax: plots.ladder(
            {"full": {1: SCORES["sto"], 8: SCORES["plp"]}, "amto": LADDER},
            ax=ax,
        ),
        "comparison": lambda ax: plots.comparison(SCORES, ax=ax),
    }


@pytest.fixture(autouse=True)
def _closed():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def texts_of(figure):
    """Every text that can be seen, with the box it takes."""
    figure.canvas.draw()
    labels, shown = set(), []
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            # matplotlib keeps ticks beyond the limits, unseen.
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                both = [tick.label1, tick.label2]
                labels.update(both)
                if ax.axison and low <= tick.get_loc() <= high:
                    shown += both
    shown += [text for text in figure.findobj(Text) if text not in labels]
    renderer = figure.canvas.get_renderer()
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in shown
        if text.get_visible() and text.get_text().strip()
    ]


NAMES = sorted(pictures(2))


@pytest.mark.parametrize("num_tasks", [2, 4, 16])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_cut_and_none_lies_on_another(name, num_tasks):
    figure = pictures(num_tasks)[name](None).figure
    whole = figure.bbox
    texts = texts_of(figure)
    assert texts
    for text, box in texts:
        inside = (
            box.x0 >= whole.x0 - 1
            and box.x1 <= whole.x1 + 1
            and box.y0 >= whole.y0 - 1
            and box.y1 <= whole.y1 + 1
        )
        assert inside, f"{text!r} is cut"
    for i, (one, a) in enumerate(texts):
        for other, b in texts[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert wide <= 1 or high <= 1, f"{one!r} lies on {other!r}"


def luminance(colour):
    """How bright a colour is, as WCAG 2 defines it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in matplotlib.colors.to_rgb(colour)
    ]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_text_and_lines_can_be_read_on_light_and_dark_paper(name, palette):
    with matplotlib.rc_context(palette.style()):
        figure = pictures(4)[name](None).figure
        texts_of(figure)
    assert contrast(figure.get_facecolor(), palette.paper) == 1
    for ax in figure.axes:
        assert contrast(ax.get_facecolor(), palette.paper) == 1
        # Text in cells and boxes has the ink of its own ground.
        grounds = len(ax.images) > 0 or name == "lineage"
        for text in [] if grounds else ax.texts:
            assert contrast(text.get_color(), palette.paper) > 7
        ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()]
        for text in [ax.title, ax.xaxis.label, ax.yaxis.label, *ticks]:
            assert contrast(text.get_color(), palette.paper) > 7
        for line in ax.lines if not ax.images else []:
            assert contrast(line.get_color(), palette.paper) > 1.5


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_draws_into_the_axes_it_is_given(name):
    figure = Figure(figsize=(12, 10), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert pictures(4)[name](left) is left
    assert not right.has_data()
    figure.canvas.draw()


@pytest.mark.parametrize("name", NAMES)
def test_axes_that_were_placed_by_hand_will_do(name):
    figure = Figure()
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    assert pictures(4)[name](ax) is ax
    figure.canvas.draw()


@pytest.mark.parametrize("name", NAMES)
def test_axes_say_what_they_measure(name):
    texts = texts_of(pictures(3)[name](None).figure)
    measures = {
        "curves": ["validation loss (log)", "training steps"],
        "lineage": ["training steps"],
        "relationships": ["donor (task)", "receiver (task)", "%", "trials"],
        "entropy": ["training steps", "entropy (bits)"],
        "finalists": ["network", "accuracy (%)"],
        "products": ["network", "average", "ensemble"],
        "ladder": ["training steps, in those of one network", "full", "16"],
        "comparison": ["accuracy (%): seeds, mean, standard error"],
    }
    assert set(measures[name]) <= {text for text, _ in texts}


def test_the_winner_is_named_in_every_picture_that_has_one():
    for name in ("curves", "lineage", "finalists"):
        figure = pictures(4)[name](None).figure
        assert any("(winner)" in text for text, _ in texts_of(figure))


def test_each_difference_of_arms_has_its_p():
    texts = [text for text, _ in texts_of(plots.comparison(SCORES).figure)]
    assert texts.count("0.125") == 3  # four seeds, a lead on each


def test_one_task_and_diverged_losses_can_be_drawn():
    nan = float("nan")
    diverged = runs.ledger_of([([1, 0], [nan, nan], [nan, nan])])
    for axes in (
        plots.curves(runs.one_task()),
        plots.lineage(runs.one_task(), 0),
        plots.curves(diverged),
        plots.finalists(runs.finalists(accuracy=False)),
    ):
        axes.figure.canvas.draw()
        assert texts_of(axes.figure)


@pytest.mark.parametrize("draw", [plots.curves, plots.lineage])
def test_no_text_is_cut_in_the_small_pictures_of_a_notebook(draw):
    ax = canvas.loose_axes(*PICTURE_SIZE)
    FigureCanvasAgg(ax.figure)
    draw(runs.random_run(4), ax=ax)
    whole = ax.figure.bbox
    for text, box in texts_of(ax.figure):
        assert whole.x0 - 1 <= box.x0 <= box.x1 <= whole.x1 + 1, text
        assert whole.y0 - 1 <= box.y0 <= box.y1 <= whole.y1 + 1, text


def test_loose_axes_are_unknown_to_pyplot():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    axes = plots.curves(runs.three_tasks(), ax=canvas.loose_axes(7, 4))
    assert axes.figure.axes
    assert pyplot.get_fignums() == before


def test_a_style_is_that_of_one_picture_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    path = tmp_path / "curves.svg"
    draw = pictures(3)["curves"]
    canvas.save_picture(
        lambda: draw(None), path, "svg", style={"text.color": "#123456"}
    )
    assert "#123456" in path.read_text()
    assert dict(matplotlib.rcParams) == before


def test_nothing_is_drawn_on_a_figure_of_somebody_else():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    pictures(3)["entropy"](Figure().subplots())
    assert pyplot.get_fignums() == before
