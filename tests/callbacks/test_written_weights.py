"""What a callback writes into the network that it is shown."""

import itertools

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.callbacks.callback_set import read_callbacks
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]

HOOKS = (
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_end",
    "on_epoch_end",
)


class Writer(keras.callbacks.Callback):
    """Writes into the last bias of the model, once, in one of its hooks."""

    def __init__(self, hook, when=0):
        super().__init__()
        self.calls, self.when = 0, when
        setattr(self, hook, self._write)

    def _write(self, *_, **__):
        if self.calls == self.when:
            self.model.best_model.weights[-1].assign(np.full(10, 5.0))
        self.calls += 1


def fit(callbacks, rate=0.0, interval=5):
    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(mlp(), 3, interval, seed=0)
    compiled(model, optimizer=keras.optimizers.SGD(rate))
    x, y = digits(60)
    model.fit(x, y, 9, epochs=3, verbose=0, callbacks=callbacks)
    return model


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("interval", [1, 100])
def test_it_is_trained_on_in_every_task(hook, interval):
    # Without a step of any length, so what was written is what is left.
    model = fit([Writer(hook)], interval=interval)
    for task in range(3):
        np.testing.assert_array_equal(model.get_task_weights(task)[-1], 5.0)
        first, *_ = model.get_task_weights(task)
        np.testing.assert_array_equal(first, model.best_model.get_weights()[0])


def test_inside_a_round_shadows_get_it_too():
    model = fit([Writer("on_train_batch_end", when=7)])
    for task in range(3):
        np.testing.assert_array_equal(model.get_task_weights(task)[-1], 5.0)
    # A master and a shadow that differed in their bias would have differed.
    record = model.ledger[1]
    np.testing.assert_array_equal(record.master_losses, record.shadow_losses)


def test_weights_that_are_set_as_training_begins_are_those_to_start_from():
    other = mlp()
    for weight in other.weights:
        weight.assign(np.linspace(-1, 1, np.size(weight)).reshape(weight.shape))
    given = other.get_weights()

    class Loads(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.best_model.set_weights(given)

    loaded = fit([Loads()], rate=0.1)
    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(other, 3, 5, seed=0)
    compiled(model, optimizer=keras.optimizers.SGD(0.1))
    x, y = digits(60)
    model.fit(x, y, batch_size=9, epochs=3, verbose=0)
    for one, two in zip(loaded.ledger, model.ledger, strict=True):
        assert one.to_json() == two.to_json()


def test_nothing_changes_where_a_callback_writes_what_is_there():
    class Rewrites(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            network = self.model.best_model
            network.set_weights(network.get_weights())

    plain, rewritten = fit([], rate=0.1), fit([Rewrites()], rate=0.1)
    for one, two in zip(plain.ledger, rewritten.ledger, strict=True):
        assert one.to_json() == two.to_json()


@pytest.mark.parametrize("stop_at", [None, 1])
def test_what_is_saved_after_the_last_epoch_is_the_winner(tmp_path, stop_at):
    class Stops(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            self.model.stop_training = round == stop_at

    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True
    )
    model = fit([Stops(), checkpoint], rate=0.1)
    winner = model.best_model.get_weights()
    last = max(tmp_path.iterdir(), key=lambda path: int(path.name[0]))
    model.load_weights(last)
    for saved, weight in zip(
        model.best_model.get_weights(), winner, strict=True
    ):
        np.testing.assert_array_equal(saved, weight)


def test_what_was_written_as_training_began_is_not_written_again(tmp_path):
    """By a run that goes on from a backup, before anything was shown."""

    class Loads(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            network = self.model.best_model
            network.set_weights([w * 0 + 0.1 for w in network.get_weights()])

    class Dies(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            raise KeyboardInterrupt

    def backup():
        return keras_amto.PopulationBackup(tmp_path)

    straight = fit([Loads()], rate=0.1, interval=1)
    with pytest.raises(KeyboardInterrupt):
        fit([Loads(), backup(), Dies()], rate=0.1, interval=1)
    resumed = fit([Loads(), backup()], rate=0.1, interval=1)
    for one, two in zip(straight.ledger, resumed.ledger, strict=True):
        assert one.to_json() == two.to_json()


class Own(keras.callbacks.Callback):
    pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (lambda path: keras_amto.AMTOCallback(), False),
        (lambda path: keras_amto.PopulationBackup(path), False),
        (lambda path: keras.callbacks.EarlyStopping(), False),
        (lambda path: keras.callbacks.LambdaCallback(), True),
        (lambda path: Own(), True),
    ],
)
def test_weights_are_compared_where_a_callback_may_write_them(
    tmp_path, given, expected
):
    """Elsewhere that would cost time for nothing."""
    assert read_callbacks([given(tmp_path)], 0).may_write == expected


def test_a_subclass_of_amto_callback_may_read_and_write():
    class Own(keras_amto.AMTOCallback):
        seen = ()

        def on_round_end(self, round, record):
            self.seen = (*self.seen, self.model.get_weights()[0])

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.best_model.weights[-1].assign(np.full(10, 5.0))

    callback = Own(patience=None)
    model = fit([callback], rate=0.1)
    assert len(callback.seen) == len(model.ledger)
    for one, other in itertools.pairwise(callback.seen):
        assert not np.array_equal(one, other)
    model = fit([Own(patience=None)])
    for task in range(3):
        np.testing.assert_array_equal(model.get_task_weights(task)[-1], 5.0)


def test_before_anything_was_shown_other_weights_stay_those_of_their_task():
    keras.utils.set_random_seed(0)
    model = compiled(
        keras_amto.AMTOModel(mlp, 2, 100, seed=0),
        optimizer=keras.optimizers.SGD(0.0),
    )
    x, y = digits(60)
    model.fit(x, y, 9, verbose=0, callbacks=[Writer("on_epoch_begin")])
    for task in range(2):
        np.testing.assert_array_equal(model.get_task_weights(task)[-1], 5.0)
    # A master and a shadow of another start differ in all other weights.
    (record,) = model.ledger
    assert (record.master_losses != record.shadow_losses).all()


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_round_end"])
def test_what_was_validated_before_a_write_stays_the_best_network(hook):
    class Spoils(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            if hook == "on_round_end" and round == 2:
                self.spoil()

        def on_epoch_end(self, epoch, logs=None):
            if hook == "on_epoch_end" and epoch == 1:
                self.spoil()

        def spoil(self):
            network = self.model.best_model
            network.set_weights([w * 0 - 3.0 for w in network.get_weights()])
            self.model.optimizer.learning_rate = 0.0

    # Six steps, and so two rounds, in an epoch.
    model = fit([Spoils()], rate=0.5, interval=3)
    best = np.min([record.master_losses for record in model.ledger], axis=0)
    later = model.ledger[-1].master_losses
    assert (later > best + 0.1).all()  # all were spoiled
    # A shadow that was accepted may have been better still.
    assert (np.diagonal(model.finalists.losses) < best + 1e-4).all()


def test_what_is_written_as_training_ends_is_what_the_next_fit_starts_from():
    class Writes(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            network = self.model.best_model
            network.set_weights([w * 0 + 0.5 for w in network.get_weights()])

    model = fit([Writes()])
    assert all((w == 0.5).all() for w in model.get_weights())
    x, y = digits(60)
    model.fit(x, y, 9, verbose=0)  # at a rate of zero
    for task in range(3):
        assert all((w == 0.5).all() for w in model.get_task_weights(task))
