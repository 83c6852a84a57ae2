"""A preset of KerasHub."""

import numpy as np
import pytest

from tests.conftest import needs_tensorflow
from tests.ecosystem.documented import run_example

pytestmark = [
    needs_tensorflow,
    # `from_preset` reads weights for the optimizer of a trained preset.
    pytest.mark.filterwarnings("ignore:Skipping variable loading"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_a_preset_trains_answers_to_text_and_is_saved_again(
    tmp_path, monkeypatch
):
    keras_hub = pytest.importorskip("keras_hub", reason="needs KerasHub")
    names = run_example("KerasHub", tmp_path, monkeypatch)
    winner = names.model.best_model
    assert type(winner) is keras_hub.models.BertTextClassifier
    assert len(names.model.ledger) >= 2
    again = keras_hub.models.TextClassifier.from_preset("trained_preset")
    np.testing.assert_allclose(
        again.predict(names.texts, verbose=0), names.answers, atol=1e-6
    )
    assert names.answers.shape == (80, 2)
