"""Every stock callback, on a model whose network is not one but M."""

import csv
import io
import sys
import time

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator

import keras_amto
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]


def fit(callbacks, epochs=3, compile_args=None, **arguments):
    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=5, seed=0)
    compiled(model, **(compile_args or {}))
    x, y = digits(150)
    model.fit(
        x,
        y,
        **(dict(batch_size=16, epochs=epochs, verbose=0) | arguments),
        callbacks=callbacks,
    )
    return model


HOOKS = [
    f"on_{what}_{when}"
    for what in ("train", "epoch", "train_batch", "test", "test_batch")
    for when in ("begin", "end")
]


class Spy(keras.callbacks.Callback):
    """Writes down every hook that is called."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def names(self):
        return [call[0] for call in self.calls]


def _recorder(name):
    def hook(self, *args, **kwargs):
        logs = kwargs.get("logs") or (args[-1] if args else None)
        index = args[0] if args and not isinstance(args[0], dict) else None
        keys = sorted(logs) if isinstance(logs, dict) else None
        self.calls.append((name, index, keys))

    return hook


for _name in HOOKS:
    setattr(Spy, _name, _recorder(_name))


def test_hooks_are_called_in_keras_order_with_keras_logs():
    spy, plain_spy = Spy(), Spy()
    model = fit([spy], epochs=2)
    x, y = digits(150)
    split = len(model.tasks[0].validation_indices)
    plain = compiled(mlp())
    plain.fit(
        x[split:],
        y[split:],
        batch_size=16,
        epochs=2,
        verbose=0,
        validation_data=(x[:split], y[:split]),
        callbacks=[plain_spy],
    )

    def without_test_batches(calls):
        # Keras validates one network, AMTO as many as there are tasks.
        return [
            (name, index, keys and [k for k in keys if k != "transfers"])
            for name, index, keys in calls
            if "test_batch" not in name
        ]

    assert without_test_batches(spy.calls) == without_test_batches(
        plain_spy.calls
    )
    assert spy.names().count("on_test_batch_end") == 2 * 2  # epochs x tasks


@pytest.mark.parametrize("steps", [1, 3, 100])
def test_batch_hooks_follow_the_compiled_steps_per_execution(steps):
    seen = []
    listener = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    model = fit([listener], 1, {"steps_per_execution": steps})
    # 135 samples are 9 batches; a round ends after 5.
    assert seen == {1: [*range(9)], 3: [2, 4, 7, 8], 100: [4, 8]}[steps]
    assert len(model.ledger) == 2


@pytest.mark.parametrize("steps", [1, 4, 100])
def test_where_no_round_cuts_executions_batches_are_numbered_as_in_keras(steps):
    rows = {}

    def listener(key):
        rows[key] = []
        return keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: rows[key].append(batch)
        )

    x, y = digits(150)
    model = keras_amto.AMTOModel(mlp(), num_tasks=2, seed=0)
    compiled(model, steps_per_execution=steps)
    arguments = dict(batch_size=16, epochs=2, verbose=0)
    model.fit(x, y, callbacks=[listener("AMTO")], **arguments)
    train = model.tasks[0].train_indices
    plain = compiled(mlp(), steps_per_execution=steps)
    plain.fit(x[train], y[train], callbacks=[listener("Keras")], **arguments)
    assert rows["AMTO"] == rows["Keras"]


def test_where_nobody_listens_executions_are_as_long_as_can_be():
    calls = []

    class Engine(keras_amto.callbacks.RoundCallback):
        def on_train_begin(self, logs=None):
            engine = self.model._carried.engine
            train = engine.train

            def spying(jobs, *rest):
                calls.extend(len(job.batches) for job in jobs)
                return train(jobs, *rest)

            engine.train = spying

    fit([Engine()], 1)
    assert calls == [5, 5, 4, 4]  # two tasks, a round of 5, one of 4


def test_listening_changes_nothing_but_when_hooks_are_called():
    silent, listening = (
        fit(callbacks)
        for callbacks in (
            [],
            [
                keras.callbacks.LambdaCallback(
                    on_batch_end=lambda batch, logs: None
                )
            ],
        )
    )
    assert silent.ledger == listening.ledger


def test_batch_logs_are_running_means_over_the_epoch():
    rows = []
    listener = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: rows.append(logs["loss"])
    )
    model = fit([listener], 2)
    assert rows[8] == pytest.approx(model.history.history["loss"][0])
    assert rows[17] == pytest.approx(model.history.history["loss"][1])
    assert rows[9] != pytest.approx(rows[8], rel=1e-3)  # begun anew


def test_csv_logger_writes_a_row_an_epoch(tmp_path):
    path = tmp_path / "log.csv"
    model = fit([keras.callbacks.CSVLogger(path)])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert [float(row["val_loss"]) for row in rows] == pytest.approx(
        model.history.history["val_loss"]
    )
    assert "transfers" in rows[0]


def events(folder):
    """The steps of every tag that TensorBoard's own reader finds."""
    accumulator = event_accumulator.EventAccumulator(
        str(folder), size_guidance={"tensors": 0}
    )
    accumulator.Reload()
    return {
        tag: [event.step for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


@pytest.mark.parametrize("update_freq", ["epoch", "batch"])
def test_tensorboard_writes_train_and_validation_events(tmp_path, update_freq):
    board = keras.callbacks.TensorBoard(
        tmp_path, histogram_freq=1, update_freq=update_freq
    )
    fit([board])
    train, validation = (
        events(tmp_path / "train"),
        events(tmp_path / "validation"),
    )
    assert train["epoch_loss"] == validation["epoch_loss"] == [0, 1, 2]
    assert validation["evaluation_loss_vs_iterations"] == [9, 18, 27]
    assert any("kernel" in tag for tag in train)
    if update_freq == "batch":
        assert train["batch_loss"] == list(range(1, 28))


def test_model_checkpoint_keeps_the_champion(tmp_path):
    path = tmp_path / "{epoch}.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(path, monitor="val_loss")
    masters = []

    class Keeps(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            masters.append([self.model.get_task_weights(m) for m in range(2)])

    model = fit([checkpoint, Keeps()], 3, batch_size=27)
    x, _ = digits(50)
    saved = keras.models.load_model(tmp_path / "2.keras")
    assert isinstance(saved, keras_amto.AMTOModel)
    record = model.ledger[1]
    champion = np.argmin(np.minimum(record.master_losses, record.shadow_losses))
    for a, b in zip(saved.get_weights(), masters[1][champion], strict=True):
        np.testing.assert_array_equal(a, b)
    assert saved.predict(x, verbose=0).shape == (50, 10)


class Champions(keras.callbacks.Callback):
    """Keeps what each epoch has shown, and its accuracy."""

    def __init__(self):
        super().__init__()
        self.accuracies, self.weights = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.accuracies.append(logs["val_accuracy"])
        self.weights.append(self.model.get_weights())


def test_model_checkpoint_saves_the_best_only_and_weights_only(tmp_path):
    path = tmp_path / "best.weights.h5"
    champions = Champions()
    fit(
        [
            champions,
            keras.callbacks.ModelCheckpoint(
                path,
                monitor="val_accuracy",
                mode="max",
                save_best_only=True,
                save_weights_only=True,
            ),
        ]
    )
    other = compiled(keras_amto.AMTOModel(mlp(), 2))
    other.load_weights(path)
    best = champions.weights[np.argmax(champions.accuracies)]
    for a, b in zip(other.get_weights(), best, strict=True):
        np.testing.assert_array_equal(a, b)


def test_early_stopping_ends_training_and_the_round_is_decided():
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=1, min_delta=100.0
    )
    model = fit([stopping], epochs=20)
    assert model.history.epoch == [0, 1]
    assert [record.step for record in model.ledger] == [5, 10, 15, 18]
    assert model.finalists is not None


@pytest.mark.parametrize("monitor", ["val_accuracy", "accuracy", "loss"])
def test_early_stopping_finds_the_direction_of_a_metric(monitor):
    model = fit([keras.callbacks.EarlyStopping(monitor=monitor, patience=9)])
    assert len(model.history.epoch) == 3


def test_the_winner_stands_whatever_early_stopping_restores():
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=1, restore_best_weights=True, mode="max"
    )
    model = fit([stopping], epochs=6)
    table, (x, y) = model.finalists, digits(150)
    for k, task in enumerate(model.tasks):
        _, accuracy = model.evaluate(
            x[task.validation_indices], y[task.validation_indices], verbose=0
        )
        assert accuracy == pytest.approx(table.accuracies[table.winner, k])


def rates(model):
    worker = model._carried.engine._worker
    return float(worker.model.optimizer.learning_rate.numpy())


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
)
def test_reduce_lr_on_plateau_acts_on_every_replica(optimizer):
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.5, patience=1, min_delta=100
    )
    model = fit([plateau], 4, {"optimizer": optimizer()})
    logged = model.history.history["learning_rate"]
    # The callback logs the rate that an epoch was trained with.
    assert logged == pytest.approx([0.1, 0.1, 0.05, 0.025])
    assert rates(model) == pytest.approx(0.025)
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.0125)


def test_learning_rate_scheduler_acts_on_every_replica():
    still = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
    network = mlp()
    start = network.get_weights()
    model = keras_amto.AMTOModel(network, 2, transfer_interval=5, seed=0)
    compiled(model)
    x, y = digits(150)
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[still])
    for task in (0, 1):
        for a, b in zip(model.get_task_weights(task), start, strict=True):
            np.testing.assert_array_equal(a, b)
    assert history.history["learning_rate"] == [0, 0]


def test_terminate_on_nan_stops_before_the_next_step():
    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=5, seed=0)
    compiled(model)
    x, y = digits(150)
    model.fit(x, y, batch_size=16, verbose=0)
    weights = model.get_task_weights(0)
    model.set_task_weights(0, [weight * np.nan for weight in weights])
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=5,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    )
    assert model.ledger[-1].step == 10  # one step after the first nine
    assert np.isfinite(model.get_task_weights(0)[0]).all()  # and healed


@pytest.mark.parametrize("spoiled", ["data", "rate"])
def test_terminate_on_nan_ends_training_gracefully(spoiled):
    """As in Keras, whose own network sees the same."""
    x, y = digits(150)
    if spoiled == "data":
        x[:] = np.nan

    def network():  # relu would hide NaN
        return keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(10, "softmax")]
        )

    rate = keras.callbacks.LearningRateScheduler(
        lambda epoch: float("inf") if spoiled == "rate" else 0.1
    )
    model = keras_amto.AMTOModel(network(), 2, transfer_interval=5, seed=0)
    ended = []
    for each in (network(), model):
        history = compiled(each).fit(
            x,
            y,
            batch_size=16,
            epochs=5,
            verbose=0,
            callbacks=[
                rate,
                keras.callbacks.TerminateOnNaN(),
                keras.callbacks.LambdaCallback(
                    on_train_end=lambda logs: ended.append(True)
                ),
            ],
        )
        assert len(history.epoch) == 1
        assert not np.isfinite(history.history["loss"][0])
    assert ended == [True, True]
    assert model.finalists is not None
    assert model.ledger[-1].step < 9


def test_terminate_on_nan_raises_where_it_is_told_to():
    x, y = digits(150)
    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=5, seed=0)
    nan = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        compiled(model, rate=1e30).fit(x, y, verbose=0, callbacks=[nan])


def test_a_callback_can_stop_at_a_batch_and_the_round_is_decided():
    def stop(batch, logs):
        model.stop_training = batch == 6

    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=5, seed=0)
    compiled(model)
    x, y = digits(150)
    history = model.fit(
        x,
        y,
        batch_size=16,
        epochs=3,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)],
    )
    assert [record.step for record in model.ledger] == [5, 7]
    assert history.epoch == [0]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (keras.callbacks.SwapEMAWeights(), "SwapEMAWeights swaps"),
        (keras.callbacks.BackupAndRestore("/nowhere"), "saves one network"),
    ],
)
def test_callbacks_that_cannot_keep_their_promise_are_refused(
    callback, message
):
    with pytest.raises(ValueError, match=message) as error:
        fit([callback])
    assert "Received:" in str(error.value)
    assert "Expected:" in str(error.value)


def test_ema_gives_the_winner_the_averaged_weights():
    def run(use_ema):
        keras.utils.set_random_seed(0)
        optimizer = keras.optimizers.SGD(0.2, use_ema=use_ema, ema_momentum=0.9)
        return fit([], compile_args={"optimizer": optimizer})

    averaged, plain = run(True), run(False)
    assert averaged.ledger == plain.ledger
    difference = averaged.get_weights()[0] - plain.get_weights()[0]
    assert np.abs(difference).max() > 1e-3


def test_a_callback_list_serves_as_callbacks():
    spy = Spy()
    model = fit(keras.callbacks.CallbackList([spy]))
    assert spy.names()[0] == "on_train_begin"
    assert model.history.epoch == [0, 1, 2]


def test_the_progress_bar_moves_at_least_once_a_second(monkeypatch):
    """A slow network: one epoch, one execution, no callback that looks."""

    class Slow(keras.layers.Layer):
        def call(self, inputs):
            import tensorflow as tf

            def wait(tensor):
                time.sleep(0.05)
                return tensor

            outputs = tf.numpy_function(wait, [inputs], inputs.dtype)
            outputs.set_shape(inputs.shape)
            return tf.stop_gradient(outputs)

    def network():
        return keras.Sequential(
            [keras.Input((64,)), Slow(), keras.layers.Dense(10, "softmax")]
        )

    model = keras_amto.AMTOModel(network, 2, transfer_interval=40, seed=0)
    compiled(model)
    x, y = digits(200)
    model.fit(x, y, batch_size=64, verbose=0)  # traces
    bars = io.StringIO()
    monkeypatch.setattr(sys, "stdout", bars)
    begin = time.monotonic()
    model.fit(x, y, batch_size=4, steps_per_epoch=40, verbose=1)
    elapsed = time.monotonic() - begin
    assert elapsed > 3
    assert bars.getvalue().count("\r") > elapsed
    assert "40/40" in bars.getvalue()


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_verbose_is_keras_own(capsys, verbose):
    fit([], 2, verbose=verbose)
    printed = capsys.readouterr().out
    assert ("Epoch 2/2" in printed) == (verbose != 0)
    assert ("val_accuracy" in printed) == (verbose != 0)
    assert ("transfers" in printed) == (verbose != 0)
    assert ("━" in printed) == (verbose in (1, "auto"))
