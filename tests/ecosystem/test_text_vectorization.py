"""Strings, by Keras' own layers."""

import numpy as np

from tests.conftest import needs_tensorflow
from tests.ecosystem.documented import run_example

pytestmark = needs_tensorflow


def test_a_network_on_strings_trains_and_is_served_strings(
    tmp_path, monkeypatch
):
    import tensorflow as tf

    names = run_example("Text, with Keras' own layers", tmp_path, monkeypatch)
    loss, accuracy = names.model.evaluate(
        tf.constant(names.texts), names.labels, verbose=0
    )
    assert accuracy == 1
    served = tf.saved_model.load("served")
    texts = tf.constant(["a good film", "bad"])
    np.testing.assert_allclose(
        served.serve(texts), names.model.predict(texts, verbose=0), atol=1e-6
    )
