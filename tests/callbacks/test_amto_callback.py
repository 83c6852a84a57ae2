"""When AMTO stops, and which network it returns."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.algorithm import out_of_patience
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = pytest.mark.usefixtures("engines_once")


def fit(callback, epochs=12, **compile_args):
    model = keras_amto.AMTOModel(mlp(), 3, transfer_interval=3, seed=0)
    compiled(model, **compile_args)
    x, y = digits(100)
    model.fit(
        x, y, batch_size=16, epochs=epochs, verbose=0, callbacks=[callback]
    )
    return model


@needs_tensorflow
@pytest.mark.parametrize("stop_when", ["any", "all", "first"])
def test_training_stops_at_the_first_round_that_is_out_of_patience(stop_when):
    callback = keras_amto.AMTOCallback(
        patience=2, stop_when=stop_when, min_delta=0.1
    )
    model = fit(callback, epochs=40)
    waits = [record.wait for record in model.ledger]
    assert out_of_patience(waits[-1], 2, stop_when)
    assert not any(out_of_patience(w, 2, stop_when) for w in waits[:-1])
    assert callback.stopped_round == model.ledger[-1].round
    assert model.ledger[-1].step < 40 * 6


@needs_tensorflow
@pytest.mark.parametrize("max_steps", [1, 3, 6, 8, 100])
def test_training_ends_at_the_step_limit(max_steps):
    callback = keras_amto.AMTOCallback(patience=None, max_steps=max_steps)
    model = fit(callback, epochs=3)  # of 6 steps
    assert model.ledger[-1].step == min(max_steps, 18)
    assert model.history.epoch == list(range(min(-(-max_steps // 6), 3)))
    model.fit(*digits(100), batch_size=16, verbose=0, callbacks=[callback])
    assert model.ledger[-1].step == min(max_steps, 18) + min(max_steps, 6)


@needs_tensorflow
def test_one_callback_serves_several_fits():
    callback = keras_amto.AMTOCallback(patience=2, min_delta=0.5)
    model = fit(callback, epochs=30)
    first = len(model.ledger)
    x, y = digits(100)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[callback])
    assert len(model.ledger) > first
    assert callback.stopped_round is None


@needs_tensorflow
@pytest.mark.parametrize("restore", [True, False])
def test_candidates_are_the_best_or_the_last_networks(restore):
    # A large step: validation losses go up and down.
    model = fit(
        keras_amto.AMTOCallback(patience=None, restore_best_weights=restore),
        optimizer=keras.optimizers.SGD(2.0),
    )
    after = np.array(
        [
            np.fmin(record.master_losses, record.shadow_losses)
            for record in model.ledger
        ]
    )
    expected = after.min(axis=0) if restore else after[-1]
    assert not np.allclose(after.min(axis=0), after[-1])
    np.testing.assert_allclose(
        np.diag(model.finalists.losses), expected, rtol=1e-4
    )


@needs_tensorflow
@pytest.mark.parametrize(
    ("metrics", "requested", "chosen"),
    [
        (["accuracy"], "accuracy", "accuracy"),
        (["acc"], "accuracy", "acc"),
        (
            ["sparse_categorical_accuracy"],
            "accuracy",
            "sparse_categorical_accuracy",
        ),
        (
            ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, "top")],
            "top",
            "top",
        ),
    ],
)
def test_the_selection_metric_is_found(metrics, requested, chosen):
    model = fit(
        keras_amto.AMTOCallback(patience=None, selection_metric=requested),
        epochs=1,
        metrics=metrics,
    )
    assert model.finalists.metric == chosen


@needs_tensorflow
def test_without_an_accuracy_the_lowest_mean_loss_wins_with_a_warning():
    with pytest.warns(UserWarning, match="no accuracy"):
        model = fit(
            keras_amto.AMTOCallback(patience=None), epochs=1, metrics=None
        )
    table = model.finalists
    assert table.criterion == "validation_loss"
    assert table.accuracies is None
    assert table.winner == np.argmin(table.losses.mean(axis=1))


@needs_tensorflow
def test_a_metric_that_does_not_exist_is_refused_before_any_step():
    with pytest.raises(ValueError, match=r"selection_metric='f1'.*'accuracy'"):
        fit(keras_amto.AMTOCallback(selection_metric="f1"))


@needs_tensorflow
def test_two_callbacks_that_decide_are_refused():
    with pytest.raises(ValueError, match="at most one"):
        fit([keras_amto.AMTOCallback(), keras_amto.AMTOCallback()])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(patience=0), ValueError, "`patience` is too small"),
        (dict(patience=1.5), TypeError, "`patience` is not an integer"),
        (dict(patience="10"), TypeError, "`patience` is not an integer"),
        (dict(patience=True), TypeError, "`patience` is not an integer"),
        (dict(stop_when="some"), ValueError, "`stop_when` is unknown"),
        (dict(stop_when=None), ValueError, "`stop_when` is unknown"),
        (dict(min_delta=-0.1), ValueError, "`min_delta` is out of range"),
        (dict(min_delta=np.nan), ValueError, "`min_delta` is out of range"),
        (dict(min_delta="0"), TypeError, "`min_delta` is not a number"),
        (
            dict(selection_metric=7),
            TypeError,
            "`selection_metric` is not a string",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, error, message):
    with pytest.raises(error, match=message) as raised:
        keras_amto.AMTOCallback(**arguments)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)


@needs_tensorflow
def test_a_stop_that_a_callback_takes_back_leaves_the_choice_to_the_end():
    class TrainsOn(keras.callbacks.Callback):
        stops = 0

        def on_epoch_end(self, epoch, logs=None):
            if epoch < 3:
                self.stops += self.model.stop_training
                self.model.stop_training = False

    keras.utils.set_random_seed(0)
    model = compiled(keras_amto.AMTOModel(mlp(), 2, 6, seed=0))
    x, y = digits(100)
    stop = keras_amto.AMTOCallback(patience=1, min_delta=9.0)
    trains_on = TrainsOn()
    model.fit(x, y, 16, epochs=5, verbose=0, callbacks=[stop, trains_on])
    assert trains_on.stops == 2
    assert len(model.ledger) == 4
    rows = model.tasks[0].validation_indices
    loss, _ = model.evaluate(x[rows], y[rows], verbose=0)
    winner = model.finalists.winner
    np.testing.assert_allclose(
        loss, model.finalists.losses[winner, 0], rtol=1e-5
    )
    answer = model.get_answer("winner").get_weights()
    for one, other in zip(model.get_weights(), answer, strict=True):
        np.testing.assert_array_equal(one, other)
