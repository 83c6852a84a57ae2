"""How an `AMTOModel` and its finalists show themselves in a notebook."""

import base64
import html.parser
import importlib.util
import io

import keras
import pytest
from PIL import Image

from keras_amto import AMTOModel
from keras_amto.callbacks import RoundCallback
from tests.data import digits
from tests.networks import mlp
from tests.plots import runs

HOSTILE = "<script>alert('&')</script>"
VOID = {"img"}


class Reader(html.parser.HTMLParser):
    """Reads HTML: its text, its images, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.images, self.tags = [], "", [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag in VOID:
            self.images.append(dict(attributes))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def fitted(num_tasks=2, **settings):
    settings = dict(transfer_interval=2, seed=1) | settings
    model = AMTOModel(mlp(4), num_tasks=num_tasks, **settings)
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    x, y = digits(200)
    model.fit(x, y, batch_size=30, verbose=0)
    return model


def test_a_new_model_says_what_it_is():
    model = AMTOModel(mlp(4), num_tasks=3, seed=17, name="mine")
    shown = Reader(model._repr_html_())
    assert "AMTOModel 'mine'" in shown.text
    assert "Sequential 'sequential" in shown.text
    assert "of 310 parameters" in shown.text
    assert "Not compiled, and not trained yet." in shown.text
    assert "seed17" in shown.text
    assert "num_tasks3" in shown.text
    assert str(model.placement) in shown.text
    assert shown.images == []
    model.compile("sgd", "mse")
    text = Reader(model._repr_html_()).text
    assert "Compiled, and not trained yet." in text


def test_a_network_that_is_not_built_is_left_so():
    network = keras.Sequential([keras.layers.Dense(2)])
    model = AMTOModel(lambda: network)
    assert "which is not built yet" in model._repr_html_()
    assert not network.built
    assert not model.built


def test_a_fitted_model_shows_its_rounds_its_winner_and_pictures():
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    model = fitted()
    shown = Reader(model._repr_html_())
    assert "Trained for 6 steps in 3 rounds" in shown.text
    assert f"the best task is {model.best_task}." in shown.text
    assert Reader(model.finalists._repr_html_()).text in shown.text
    assert [image["alt"] for image in shown.images] == [
        "validation losses",
        "lineage",
    ]
    for image in shown.images:
        head, _, encoded = image["src"].partition(",")
        assert head == "data:image/png;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
        assert picture.size == (490, 280)


def test_a_fitted_model_of_one_task_has_no_lineage():
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    shown = Reader(fitted(num_tasks=1)._repr_html_())
    assert [image["alt"] for image in shown.images] == ["validation losses"]


def test_showing_a_model_changes_nothing():
    model = fitted()
    before = [*model.get_weights(), *model.get_task_weights(0)]
    state = keras.random.uniform((2,), seed=1)
    first = model._repr_html_()
    assert model._repr_html_() == first
    after = [*model.get_weights(), *model.get_task_weights(0)]
    for one, other in zip(before, after, strict=True):
        assert (one == other).all()
    assert (keras.random.uniform((2,), seed=1) == state).numpy().all()
    matplotlib = pytest.importorskip("matplotlib")
    assert matplotlib.pyplot.get_fignums() == []


def test_without_matplotlib_the_text_stays(monkeypatch):
    model = fitted()
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "matplotlib" else find(name),
    )
    shown = Reader(model._repr_html_())
    assert shown.images == []
    assert "the best task is" in shown.text


class Looker(RoundCallback):
    """Shows the model while it trains."""

    def on_round_end(self, round, record):
        self.seen = self.model._repr_html_()


def test_a_model_can_be_shown_while_it_trains():
    looker = Looker()
    model = AMTOModel(mlp(4), num_tasks=2, transfer_interval=3, seed=1)
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    x, y = digits(200)
    model.fit(x, y, batch_size=30, verbose=0, callbacks=[looker])
    text = Reader(looker.seen).text
    assert "Trained for 6 steps in 2 rounds; no winner is chosen yet" in text


def augment(x):
    return x


def test_all_text_is_escaped():
    augment.__qualname__ = augment.__name__ = HOSTILE
    network = mlp(4, name="n<img>")
    model = AMTOModel(network, augment=augment, cache_dir=None)
    shown = Reader(model._repr_html_())
    assert "n<img>" in shown.text
    assert HOSTILE in shown.text
    assert not shown.tags & {"script", "img"}
    table = runs.finalists()
    object.__setattr__(table, "metric", HOSTILE)
    shown = Reader(table._repr_html_())
    assert HOSTILE in shown.text
    assert "script" not in shown.tags


@pytest.mark.parametrize("accuracy", [True, False])
@pytest.mark.parametrize("answer", ["winner", "ensemble"])
def test_finalists_show_every_figure_that_they_print(accuracy, answer):
    table = runs.finalists(accuracy=accuracy, clean=True, answer=answer)
    shown = table._repr_html_()
    text = Reader(shown).text
    printed = str(table).splitlines()
    assert printed[0] in text
    rows = shown.count("<tr>")
    assert rows == 1 + 3 + (2 if answer == "ensemble" else 0)
    figures = {w for line in printed[2:] for w in line.split() if "." in w}
    assert figures
    assert all(figure in text for figure in figures)
    assert "task 1 *" in text
    assert ("ensemble *" in text) == (answer == "ensemble")
