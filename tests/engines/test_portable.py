"""The portable engine on whatever backend Keras runs: public calls alone."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.tasks import TrainingBatches
from tests.data import digits
from tests.networks import compiled
from tests.networks import everything
from tests.networks import mlp


def train(model, **arguments):
    amto = keras_amto.AMTOModel(
        model, 3, transfer_interval=4, seed=5, engine="portable"
    )
    compiled(amto, **arguments)
    return amto


def test_all_that_keeps_state_trains_and_transfers():
    model = train(
        everything(),
        loss=["sparse_categorical_crossentropy", "binary_crossentropy"],
        metrics=[["accuracy"], ["accuracy"]],
    )
    x, y = digits(150)
    with pytest.warns(UserWarning, match="several accuracies"):
        history = model.fit(
            x, [y, y % 2], batch_size=16, epochs=4, verbose=0
        ).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert sum(history["transfers"]) > 0
    weights = [model.get_task_weights(m) for m in range(3)]
    assert np.abs(weights[0][0] - weights[1][0]).max() > 0


def test_one_task_equals_plain_training_bit_for_bit():
    network = mlp()
    start = network.get_weights()
    model = keras_amto.AMTOModel(network, 1, seed=0, engine="portable")
    compiled(model)
    x, y = digits(150)
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=2,
        verbose=0,
        callbacks=[
            keras_amto.AMTOCallback(patience=None, restore_best_weights=False)
        ],
    )
    plain = compiled(mlp())
    plain.set_weights(start)
    batches = TrainingBatches(model.tasks[0].train_indices, 16, 0, 0)
    window = batches.window(0, 18)
    for step in range(18):
        plain.train_on_batch(x[window[step]], y[window[step]])
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_seed_gives_one_run():
    def run():
        keras.utils.set_random_seed(3)
        model = train(mlp(dropout=0.3))
        x, y = digits(100)
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        return model

    one, again = run(), run()
    assert one.ledger == again.ledger
    for a, b in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_task_of_nan_weights_is_healed():
    model = train(mlp())
    x, y = digits(100)
    model.fit(x, y, batch_size=16, verbose=0)
    before = len(model.ledger)
    weights = model.get_task_weights(0)
    model.set_task_weights(0, [weight * np.nan for weight in weights])
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    record = model.ledger[before]
    assert not np.isfinite(record.master_losses[0])
    assert record.accepted[0]
    assert np.isfinite(model.get_task_weights(0)[0]).all()


def test_a_learning_rate_set_by_a_callback_acts_on_every_replica():
    model = train(mlp())
    x, y = digits(60)
    start = model.get_weights()
    model.fit(
        x,
        y,
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
        ],
    )
    for task in range(3):
        for a, b in zip(model.get_task_weights(task), start, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_trained_model_saves_and_loads(tmp_path):
    model = train(mlp(dropout=0.1), optimizer=keras.optimizers.Adam(0.01))
    x, y = digits(60)
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6
    )
    again.fit(x, y, verbose=0)


def test_the_tensorflow_engine_is_refused_on_other_backends():
    if keras.config.backend() == "tensorflow":
        pytest.skip("is about other backends")
    model = keras_amto.AMTOModel(mlp(), 2, engine="tensorflow")
    x, y = digits(60)
    with pytest.raises(ValueError, match="backend='tensorflow'"):
        compiled(model).fit(x, y, verbose=0)
