"""A device without enough memory is an error that helps."""

import keras
import pytest

import keras_amto
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp


@needs_tensorflow
def test_a_worker_that_does_not_fit_names_the_device_and_what_would_fit():
    made = []

    def network():
        made.append(True)
        if len(made) == 3:  # for the user, the first worker, and the second
            keras.ops.zeros((10**7, 10**7))  # 400 terabytes
        return mlp()

    model = compiled(keras_amto.AMTOModel(network, num_tasks=2, seed=0))
    x, y = digits(60)
    with pytest.raises(MemoryError, match=r"memory of .*CPU:0|cpu:0") as raised:
        model.fit(x, y, batch_size=16, verbose=0)
    text = str(raised.value)
    assert "Received: 0 MB of weights" in text
    assert "batches of 16 samples" in text
    assert "Expected: less at once" in text
    # Nothing is half made: where there is room, it trains.
    model.fit(x, y, batch_size=16, verbose=0)
    assert len(model.ledger) == 1
