"""Every public name has a docstring in Keras' form, an example and a page."""

import inspect
import os
import re
import textwrap

import keras
import matplotlib
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_tensorflow
from tests.docs import names
from tests.images import write_tree

NAMES = names.public_names()
# `Comparison` is not imported by users, and still what `compare` returns.
DOCUMENTED = NAMES | {
    name: value
    for name, value in names.names_on_pages().items()
    if not any(value is each for each in NAMES.values())
}
CALLABLE = {n: value for n, value in DOCUMENTED.items() if callable(value)}

# Examples that are compiled and not run, and why.
NOT_RUN = {
    "keras_amto.AMTOModel": "trains MobileNetV2 for minutes",
    "keras_amto.datasets.load": "downloads a data set",
    "keras_amto.distribution.connect": "has a machine of its own in a test",
}


def faults_of(name, value):
    """Lists what a docstring in Keras' form would have and this one lacks."""
    text = names.documentation_of(name, value)
    if not text:
        return ["a docstring"]
    if not callable(value):
        return []
    faults = []
    if not re.match(r"[A-Z`].*\.", text):
        faults.append("a first sentence")
    function = inspect.isfunction(value)
    if function and inspect.signature(value).parameters:
        faults += [] if "Args:" in text else ["Args:"]
    if function and inspect.signature(value).return_annotation is not None:
        faults += [] if "Returns:" in text else ["Returns:"]
    if hasattr(value, "__match_args__") or hasattr(value, "_fields"):
        faults += [] if "Attributes:" in text else ["Attributes:"]
    elif inspect.isclass(value) and "__init__" in vars(value):
        faults += [] if "Args:" in text else ["Args:"]
    if "Example:" not in text or not re.search(r"```|>>>", text):
        faults.append("Example:")
    return faults


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_public_name_has_a_docstring_in_the_form_of_keras(name):
    assert faults_of(name, DOCUMENTED[name]) == []


def test_a_docstring_that_lacks_something_is_found():
    def short(number: int) -> int:
        """Returns a number."""

    def bare():
        pass

    assert faults_of("short", short) == ["Args:", "Returns:", "Example:"]
    assert faults_of("bare", bare) == ["a docstring"]


def test_every_public_name_has_a_page_and_only_one():
    shown = [id(value) for value in names.names_on_pages().values()]
    missing = {
        name: shown.count(id(value))
        for name, value in NAMES.items()
        if shown.count(id(value)) != 1 and name != "keras_amto.__version__"
    }
    assert missing == {}


def test_the_index_of_the_reference_links_every_entry():
    index = (names.REFERENCE / "index.md").read_text("utf-8")
    linked = set(re.findall(r"\]\[(keras_amto[^\]]*)\]", index))
    assert linked == set(names.names_on_pages())
    assert "`keras_amto.__version__`" in index


def examples_in(value):
    text = inspect.getdoc(value) or ""
    return re.findall(r"```python\n(.*?)```", text, re.S)


EXAMPLES = {
    name: "\n".join(map(textwrap.dedent, examples_in(value)))
    for name, value in CALLABLE.items()
    if examples_in(value)
}


def make_network():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, activation="softmax")]
    )


@pytest.fixture(scope="module")
def scope():
    """What examples may use: a fitted model and its data."""
    x = np.random.default_rng(0).random((40, 4)).astype("float32")
    y = (x[:, 0] > 0.5).astype(int)
    model = keras_amto.AMTOModel(
        make_network(), num_tasks=3, transfer_interval=1, seed=0
    )
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=4, verbose=0)
    return dict(
        keras=keras, keras_amto=keras_amto, model=model, x=x, y=y,
        make_network=make_network,
    )  # fmt: skip


@needs_tensorflow
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_docstring_runs(
    name, scope, tmp_path, monkeypatch, capsys
):
    code = re.sub(r"epochs=\d+", "epochs=1", EXAMPLES[name])
    if "arms=" not in code:  # all of them take a minute
        code = code.replace("train_size=1000", 'train_size=1000, arms=["sto"]')
    code = code.replace("train_size=1000", "train_size=20, steps=1, seeds=1")
    compiled = compile(code, name, "exec")
    if name in NOT_RUN:
        return
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    if "load_folder" in code:
        write_tree(tmp_path / "photos", {"cat": 10, "dog": 10}, side=96)
    model = scope["model"] if "photos" not in code else image_model()
    exec(compiled, scope | {"model": model})
    matplotlib.pyplot.close("all")
    assert os.getcwd() == str(tmp_path)
    capsys.readouterr()


def image_model():
    network = keras.Sequential(
        [
            keras.Input((96, 96, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model = keras_amto.AMTOModel(
        network, num_tasks=2, transfer_interval=2, seed=0
    )
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def test_only_examples_that_are_there_are_excused():
    assert set(NOT_RUN) <= set(EXAMPLES)
