"""scikit-learn, by `keras.wrappers`."""

import keras
import pytest

import keras_amto
from tests.ecosystem.documented import run_example


@pytest.fixture
def names(tmp_path, monkeypatch):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    return run_example("scikit-learn", tmp_path, monkeypatch)


def test_an_amto_model_is_cross_validated(names):
    assert len(names.scores) == 2
    assert min(names.scores) > 0.5  # of ten classes


def test_a_compiled_model_is_an_estimator_too(names):
    model = names.build(names.x, keras.utils.to_categorical(names.y))
    before = model.get_weights()
    classifier = keras.wrappers.SKLearnClassifier(
        model, fit_kwargs={"epochs": 10, "verbose": 0}
    )
    classifier.fit(names.x, names.y)
    assert isinstance(classifier.model_, keras_amto.AMTOModel)
    assert len(classifier.model_.ledger) > 1
    assert classifier.score(names.x, names.y) > 0.7
    # It has trained a copy.
    for one, other in zip(before, model.get_weights(), strict=True):
        assert (one == other).all()
