"""The winner as ONNX, by Keras' own way."""

import numpy as np
import pytest

from tests.conftest import needs_tensorflow
from tests.ecosystem.documented import run_example

pytestmark = [
    needs_tensorflow,  # on other backends Keras needs other converters
    # Keras mends tf2onnx for NumPy 2 by asking for `np.object`.
    pytest.mark.filterwarnings("ignore:In the future `np.object`"),
]


def test_the_exported_winner_answers_as_the_model_does(tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    reference = pytest.importorskip("onnx.reference", reason="needs onnx")
    pytest.importorskip("tf2onnx", reason="needs tf2onnx")
    names = run_example("ONNX", tmp_path, monkeypatch)
    session = reference.ReferenceEvaluator("winner.onnx")
    (answers,) = session.run(None, {session.input_names[0]: names.x})
    expected = names.model.predict(names.x, verbose=0)
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    held = onnx.load("winner.onnx").graph.initializer
    sizes = sorted(np.prod(each.dims) for each in held if each.dims)
    weights = names.model.best_model.weights
    assert {int(np.prod(weight.shape)) for weight in weights} <= set(sizes)
    assert sum(sizes) < 1.1 * names.model.best_model.count_params()
