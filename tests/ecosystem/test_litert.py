"""The winner for LiteRT, by Keras' own way."""

import numpy as np
import pytest

from tests.conftest import needs_tensorflow
from tests.ecosystem.documented import run_example

pytestmark = [
    needs_tensorflow,
    # It moves to a package of its own, `ai_edge_litert`.
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated"),
]


def test_the_exported_winner_answers_as_the_model_does(tmp_path, monkeypatch):
    import tensorflow as tf

    names = run_example("LiteRT", tmp_path, monkeypatch)
    interpreter = tf.lite.Interpreter("winner.tflite")
    (given,), (got,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    interpreter.resize_tensor_input(given["index"], names.x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], names.x)
    interpreter.invoke()
    answers = interpreter.get_tensor(got["index"])
    expected = names.model.predict(names.x, verbose=0)
    np.testing.assert_allclose(answers, expected, atol=1e-5)
