"""`AMTOModel` as its user meets it."""

import json
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

import keras_amto
from keras_amto.algorithm import accepts
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import harmonic_accuracy
from keras_amto.algorithm import update_relationships
from keras_amto.tasks.arrays import aligned_empty
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]


def amto(model=None, num_tasks=3, transfer_interval=4, seed=0, **settings):
    return keras_amto.AMTOModel(
        mlp() if model is None else model,
        num_tasks,
        transfer_interval,
        seed=seed,
        **settings,
    )


def fit(model, size=150, **arguments):
    x, y = digits(size)
    return model.fit(
        x, y, **(dict(batch_size=16, epochs=2, verbose=0) | arguments)
    )


@pytest.fixture(scope="module")
def trained():
    """One model for tests that only look."""
    keras.utils.set_random_seed(0)
    model = compiled(amto(mlp(dropout=0.1)))
    fit(model, epochs=4)
    return model


# What training leaves behind


def test_the_selected_model_answers(trained):
    x, y = digits()
    np.testing.assert_array_equal(
        trained.predict(x, verbose=0), trained.best_model.predict(x, verbose=0)
    )
    np.testing.assert_allclose(
        trained.predict_on_batch(x[:5]), trained(x[:5]), atol=1e-6
    )
    loss, accuracy = trained.evaluate(x, y, verbose=0)
    assert accuracy > 0.5
    predicted = trained.predict(x, verbose=0).argmax(axis=1)
    assert accuracy == pytest.approx((predicted == y).mean())
    assert trained.test_on_batch(x, y)[0] == pytest.approx(loss, rel=1e-5)


def test_the_history_has_keras_keys_and_the_transfers(trained):
    history = trained.history.history
    assert set(history) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "transfers",
    }
    assert all(len(values) == 4 for values in history.values())
    assert sum(history["transfers"]) == sum(
        record.accepted.sum() for record in trained.ledger
    )


def test_the_ledger_alone_rebuilds_every_decision(trained, tmp_path):
    trained.ledger.save(tmp_path / "run.jsonl")
    ledger = keras_amto.Ledger.load(tmp_path / "run.jsonl")
    assert ledger == trained.ledger
    relationships = np.zeros((3, 3))
    best, wait = np.full(3, np.inf), np.zeros(3, int)
    for number, record in enumerate(ledger):
        assert record.round == number
        np.testing.assert_array_equal(
            record.donor_probabilities, donor_probabilities(relationships)
        )
        relationships = update_relationships(
            relationships,
            record.donors,
            record.master_losses,
            record.shadow_losses,
        )
        np.testing.assert_array_equal(record.relationships, relationships)
        np.testing.assert_array_equal(
            record.accepted, accepts(record.master_losses, record.shadow_losses)
        )
        after = np.minimum(record.master_losses, record.shadow_losses)
        wait = np.where(after < best, 0, wait + 1)
        best = np.minimum(best, after)
        np.testing.assert_array_equal(record.wait, wait)
    assert [record.step for record in ledger] == [
        min(4 * (i + 1), 36) for i in range(9)
    ]


def test_the_winner_has_the_highest_harmonic_accuracy(trained):
    table = trained.finalists
    assert table.accuracies.shape == table.losses.shape == (3, 3)
    np.testing.assert_allclose(
        table.harmonic_accuracies, harmonic_accuracy(table.accuracies)
    )
    assert table.harmonic_accuracies[table.winner] == max(
        table.harmonic_accuracies
    )
    assert trained.best_task == table.winner
    assert (table.criterion, table.metric) == ("harmonic_accuracy", "accuracy")
    x, y = digits(150)
    for k, task in enumerate(trained.tasks):
        loss, accuracy = trained.evaluate(
            x[task.validation_indices], y[task.validation_indices], verbose=0
        )
        assert accuracy == pytest.approx(table.accuracies[table.winner, k])
        assert loss == pytest.approx(table.losses[table.winner, k], rel=1e-4)
    assert "winner by harmonic_accuracy" in str(table)


def test_validation_logs_are_means_over_the_tasks(trained):
    # The last epoch ends with a round: its losses are those of the masters.
    last = trained.ledger[-1]
    after = np.minimum(last.master_losses, last.shadow_losses)
    assert trained.history.history["val_loss"][-1] == pytest.approx(
        after.mean()
    )


def test_one_seed_gives_one_run():
    def run(seed):
        keras.utils.set_random_seed(3)
        model = compiled(amto(mlp(dropout=0.3), seed=seed))
        fit(model)
        return model

    one, again, other = run(1), run(1), run(2)
    assert one.ledger == again.ledger
    for a, b in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.ledger != other.ledger


def test_without_a_seed_pythons_random_decides():
    def seed():
        keras.utils.set_random_seed(7)
        return amto(seed=None).get_config()["seed"]

    assert seed() == seed()


# One task


def test_one_task_has_no_shadow():
    model = compiled(amto(num_tasks=1))
    fit(model)
    record = model.ledger[0]
    assert record.donors is None
    assert record.shadow_losses is None
    assert record.donor_probabilities is None
    assert not record.accepted.any()
    assert model.best_task == 0
    (device,) = model._carried.engine._devices.values()
    assert len(device.workers) == 1
    assert model.history.history["transfers"] == [0, 0]


@pytest.mark.parametrize("engine", ["portable", "tensorflow"])
def test_one_task_costs_one_fit_and_equals_plain_training(engine):
    """As many gradient steps as `fit`, on the same batches."""
    from keras_amto.tasks import TrainingBatches

    network = mlp()
    start = network.get_weights()
    model = compiled(amto(network, num_tasks=1, engine=engine))
    trained = []

    class Spy(keras_amto.callbacks.RoundCallback):
        def on_train_begin(self, logs=None):
            made = self.model._carried.engine
            train = made.train

            def spying(jobs, *rest):
                trained.extend(len(j.replicas) * len(j.batches) for j in jobs)
                return train(jobs, *rest)

            made.train = spying

    last = keras_amto.AMTOCallback(patience=None, restore_best_weights=False)
    fit(model, callbacks=[last, Spy()])
    assert sum(trained) == model.optimizer.iterations.numpy() == 2 * 9

    plain = compiled(mlp())
    plain.set_weights(start)
    x, y = digits(150)
    batches = TrainingBatches(model.tasks[0].train_indices, 16, 0, 0)
    window = batches.window(0, 18)
    for step in range(18):
        plain.train_on_batch(x[window[step]], y[window[step]])
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        if engine == "portable":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, atol=1e-6)


# Healing


def poisoned(model, *tasks):
    for task in tasks:
        weights = model.get_task_weights(task)
        model.set_task_weights(task, [weight * np.nan for weight in weights])
    return model


@pytest.mark.parametrize("engine", ["portable", "tensorflow"])
def test_a_task_of_nan_weights_is_healed_by_a_donor(engine):
    model = compiled(amto(engine=engine))
    fit(model)
    before = len(model.ledger)
    fit(poisoned(model, 0))
    record = model.ledger[before]
    assert not np.isfinite(record.master_losses[0])
    assert np.isfinite(record.shadow_losses[0])
    assert record.accepted[0]
    moved = record.relationships - model.ledger[before - 1].relationships
    assert moved[0, record.donors[0]] == pytest.approx(1.0)
    assert all(np.isfinite(w).all() for w in model.get_task_weights(0))
    assert np.isfinite(model.ledger[before + 1].master_losses).all()


class Poison(keras_amto.callbacks.RoundCallback):
    """Gives task 0 NaN weights between two rounds of one fit."""

    def on_round_end(self, round, record):
        if round == 1:
            poisoned(self.model, 0)


def test_a_task_poisoned_between_two_rounds_of_a_fit_is_healed():
    model = compiled(amto())
    fit(model, callbacks=[Poison()])
    before, healed, after = model.ledger[1:4]
    assert np.isfinite(before.master_losses).all()
    assert np.isnan(healed.master_losses[0])
    assert healed.accepted[0]
    assert np.isfinite(after.master_losses).all()


def test_weights_set_in_the_middle_of_a_round_are_refused():
    model = compiled(amto())
    fit(model)

    def poison(batch, logs):
        poisoned(model, 0)

    listener = keras.callbacks.LambdaCallback(on_train_batch_end=poison)
    with pytest.raises(ValueError, match="A round is under way"):
        fit(model, callbacks=[listener])
    fit(model)


def test_after_divergence_the_tasks_keep_the_networks_of_the_round_before():
    x, y = digits(150)
    model = compiled(amto())
    fit(model)
    before = model.get_task_weights(0)
    model.optimizer.learning_rate = float("nan")
    with pytest.raises(RuntimeError, match="diverged"):
        fit(model)
    for a, b in zip(model.get_task_weights(0), before, strict=True):
        np.testing.assert_array_equal(a, b)
    model.optimizer.learning_rate = 0.01
    fit(model)
    assert [r.round for r in model.ledger] == list(range(len(model.ledger)))
    assert model.evaluate(x, y, verbose=0)[1] > 0.3


@pytest.mark.parametrize("looks", [True, False])
def test_after_divergence_the_model_shows_its_last_champion(looks):
    """Where somebody looks at each batch, or no epoch validates meanwhile."""
    model = compiled(amto(transfer_interval=4 if looks else 100))
    fit(model)
    model.optimizer.learning_rate = float("inf")
    batch_hook = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: None
    )
    with pytest.raises(RuntimeError, match="keeps its last champion"):
        fit(
            model,
            epochs=4,
            validation_freq=1 if looks else 3,
            callbacks=[batch_hook] * looks,
        )
    for weights in (model.get_weights(), model.get_task_weights(0)):
        assert all(np.isfinite(weight).all() for weight in weights)


def test_a_diverged_donor_is_never_accepted():
    model = compiled(amto())
    fit(model)
    before = len(model.ledger)
    fit(poisoned(model, 0))
    record = model.ledger[before]
    from_zero = record.donors == 0
    assert from_zero.any()
    assert not np.isfinite(record.shadow_losses[from_zero]).any()
    assert not record.accepted[from_zero].any()


def test_a_population_that_diverged_stops_with_an_error_that_says_so():
    model = compiled(amto())
    fit(model)
    winner = model.get_weights()
    with pytest.raises(RuntimeError, match="All 3 tasks have diverged: after"):
        fit(poisoned(model, 0, 1, 2))
    for a, b in zip(model.get_weights(), winner, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("given", ["a model", "a function"])
def test_weights_that_are_loaded_after_a_refused_fit_are_trained_on(given):
    model = keras_amto.AMTOModel(
        mlp() if given == "a model" else mlp, 2, 3, seed=0
    )
    compiled(model, optimizer=keras.optimizers.SGD(0.0))
    x, y = digits(60)
    spoiled = np.where(x == x[7, 20], np.nan, x)
    with pytest.raises(ValueError, match="`x` holds NaN"):
        model.fit(spoiled, y, verbose=0)
    loaded = [np.full(w.shape, 0.5) for w in model.best_model.get_weights()]
    model.best_model.set_weights(loaded)
    model.fit(x, y, verbose=0)
    for task in range(2):
        for weight in model.get_task_weights(task):
            np.testing.assert_array_equal(weight, 0.5)


# Fitting again


def test_a_second_fit_continues_from_the_tasks_states():
    model = compiled(amto(mlp(dropout=0.3)))
    fit(model, epochs=2)
    fit(model, epochs=4, initial_epoch=2)
    # The first ends with a round that is cut short, the second begins one.
    steps = [record.step for record in model.ledger]
    assert steps == [4, 8, 12, 16, 18, 22, 26, 30, 34, 36]
    assert model.history.epoch == [2, 3]


def test_fits_that_end_with_a_round_equal_one_long_fit():
    def run(*epochs):
        keras.utils.set_random_seed(3)
        model = compiled(amto(mlp(dropout=0.3), transfer_interval=3))
        for first, last in zip((0, *epochs), epochs, strict=False):
            fit(
                model,
                initial_epoch=first,
                epochs=last,
                callbacks=[
                    keras_amto.AMTOCallback(
                        patience=None, restore_best_weights=False
                    )
                ],
            )
        return model

    once, twice = run(4), run(2, 4)
    for a, b in zip(once.ledger[:-1], twice.ledger[:-1], strict=True):
        np.testing.assert_array_equal(a.master_losses, b.master_losses)
        np.testing.assert_array_equal(a.shadow_losses, b.shadow_losses)
    for a, b in zip(once.get_weights(), twice.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_compiling_again_keeps_the_weights_and_resets_the_optimizer():
    model = compiled(amto())
    fit(model)
    weights = model.get_task_weights(1)
    compiled(model, optimizer=keras.optimizers.Adam(0.001))
    for a, b in zip(model.get_task_weights(1), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    rounds = len(model.ledger)
    fit(model, epochs=1)
    assert len(model.ledger) > rounds
    assert model.optimizer.iterations.numpy() <= 9


def test_compiling_the_same_optimizer_again_resets_it():
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model = compiled(amto(), optimizer=optimizer)
    fit(model)
    assert np.any(optimizer.momentums[0].numpy())
    optimizer.learning_rate = 0.01
    compiled(model, optimizer=optimizer)
    assert optimizer.iterations.numpy() == 0
    assert not any(np.any(slot.numpy()) for slot in optimizer.momentums)
    assert optimizer.learning_rate.numpy() == np.float32(0.01)
    for slots in starts_of_a_fit(model, "optimizer"):
        assert not any(map(np.any, slots))


def test_layers_unfrozen_between_two_fits_train_in_the_second():
    base = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(8, "relu")], name="base"
    )
    base.trainable = False
    network = keras.Sequential(
        [keras.Input((64,)), base, keras.layers.Dense(10, "softmax")]
    )
    frozen = base.get_weights()
    model = compiled(amto(network))
    fit(model)
    for task in range(3):
        np.testing.assert_array_equal(
            model.get_task_weights(task)[0], frozen[0]
        )
    base.trainable = True
    compiled(model)
    fit(model)
    assert np.abs(model.best_model.get_weights()[0] - frozen[0]).max() > 1e-3


def test_an_error_within_a_step_leaves_nothing_half_trained():
    import tensorflow as tf

    x, y = digits(150)
    # Without momentum, so that nothing moves at a rate of zero. And with a loss
    # of the user's own, of which nobody knows before that it takes classes.
    model = compiled(
        amto(num_tasks=1),
        optimizer=keras.optimizers.SGD(0.1),
        loss=lambda *pair: keras.losses.sparse_categorical_crossentropy(*pair),
    )
    fit(model)
    before = model.get_task_weights(0)
    wrong = y.copy()
    wrong[75:] = 99  # no such class
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.fit(x, wrong, batch_size=16, verbose=0)
    still = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
    fit(model, callbacks=[still])
    for a, b in zip(model.get_task_weights(0), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_after_an_interruption_weights_can_be_set_and_training_goes_on():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 5:
                raise KeyboardInterrupt

    model = compiled(amto())
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[Interrupt()])
    assert len(model.ledger) == 1
    model.set_task_weights(0, model.get_task_weights(1))
    fit(model)
    assert [r.round for r in model.ledger] == list(range(len(model.ledger)))


def starts_of_a_fit(model, what="weights"):
    """What each task's master is before the first step of a `fit`."""
    starts = []

    class Watch(keras_amto.callbacks.RoundCallback):
        def on_round_begin(self, round):
            starts.extend(
                [value.numpy() for value in getattr(master, what)]
                for master in self.model._carried.run.masters
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[Watch()])
    return starts


@pytest.mark.parametrize("again", [False, True])
def test_weights_loaded_after_a_fit_are_what_trains_on(tmp_path, again):
    model = compiled(amto())
    fit(model)
    other = compiled(amto())
    fit(other)  # Keras asks of both that their optimizers have made steps
    other.save_weights(tmp_path / "other.weights.h5")
    model.load_weights(tmp_path / "other.weights.h5")
    if again:
        compiled(model)
    for start in starts_of_a_fit(model):
        for a, b in zip(start, other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_loaded_model_goes_on_with_its_optimizer(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model = compiled(amto(), optimizer=keras.optimizers.SGD(schedule))
    last = keras_amto.AMTOCallback(patience=None, restore_best_weights=False)
    fit(model, callbacks=[last])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    fit(again, callbacks=[last])
    assert again.optimizer.iterations.numpy() == 36


def test_callbacks_find_what_only_the_network_has():
    network = mlp()
    network.temperature = 3.0
    model = compiled(amto(network))
    assert model.temperature == 3.0
    with pytest.raises(AttributeError, match="no attribute 'humidity'"):
        _ = model.humidity
    assert not hasattr(model, "_temperature")


def test_callbacks_see_the_champion_of_the_moment(tmp_path):
    x, y = digits(150)
    seen = []

    class Look(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            after = np.fmin(record.master_losses, record.shadow_losses)
            champion = int(np.argmin(after))
            held = self.model.tasks[champion].validation_indices
            loss, _ = self.model.evaluate(x[held], y[held], verbose=0)
            seen.append((loss, after[champion]))

    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{batch}.weights.h5", save_freq=4, save_weights_only=True
    )
    iterations = []
    listener = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: iterations.append(
            int(model.optimizer.iterations.numpy())
        )
    )
    model = compiled(amto())
    start = model.get_weights()
    fit(model, epochs=1, callbacks=[Look(), checkpoint, listener])
    for shown, known in seen:
        assert shown == pytest.approx(known, rel=1e-4)
    assert iterations == list(range(1, 10))
    saved = compiled(amto())
    saved.load_weights(tmp_path / "4.weights.h5")
    assert np.abs(saved.get_weights()[0] - start[0]).max() > 1e-3


def test_a_limit_of_epochs_for_debugging_holds():
    keras.config.set_max_epochs(1)
    try:
        model = compiled(amto())
        fit(model, epochs=3)
    finally:
        keras.config.set_max_epochs(None)
    assert model.history.epoch == [0]


def test_a_limit_of_steps_for_debugging_holds():
    batches = []
    keras.config.set_max_steps_per_epoch(2)
    try:
        model = compiled(amto())
        listener = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: batches.append(batch)
        )
        fit(model, epochs=2, callbacks=[listener])
    finally:
        keras.config.set_max_steps_per_epoch(None)
    assert batches == [0, 1, 0, 1]


def test_the_winner_has_the_metrics_that_a_fitted_model_has():
    model = compiled(amto())
    fit(model, epochs=1)
    made = [
        metric
        for each in model.best_model.metrics
        for metric in getattr(each, "metrics", ())
    ]
    assert [metric.name for metric in made] == ["accuracy"]
    assert not any(np.any(variable) for variable in made[0].variables)


def test_a_subclassed_callback_that_listens_is_called_each_step():
    batches = []

    class Listening(keras_amto.AMTOCallback):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)

    fit(compiled(amto()), epochs=1, callbacks=[Listening(patience=None)])
    assert batches == list(range(9))


def test_a_model_can_be_copied_and_pickled(trained):
    import copy
    import pickle

    x, _ = digits(20)
    expected = trained.predict(x, verbose=0)
    for again in (copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        np.testing.assert_allclose(
            again.predict(x, verbose=0), expected, atol=1e-6
        )


# Functions


def test_a_function_is_called_once_a_task_under_its_seed():
    starts = []

    class Start(keras_amto.callbacks.RoundCallback):
        def on_train_begin(self, logs=None):
            starts.append([self.model.get_task_weights(m)[0] for m in range(3)])

    for _ in range(2):
        model = compiled(amto(mlp))
        fit(model, callbacks=[Start()])
    first, second = starts
    assert np.abs(first[0] - first[1]).max() > 0.01
    assert np.abs(first[1] - first[2]).max() > 0.01
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("built", [True, False])
def test_weights_loaded_into_a_functions_model_are_what_all_start_from(built):
    def make():
        if built:
            return mlp()
        return keras.Sequential([keras.layers.Dense(10, "softmax")])

    other = make()
    other.build((None, 64))
    for load in (False, True):
        model = compiled(amto(make))
        model.best_model.build((None, 64))
        if load:
            model.best_model.set_weights(other.get_weights())
        first, *others = starts_of_a_fit(model)
        if load:
            assert all(map(np.array_equal, first, other.get_weights()))
        for weights in others:
            assert all(map(np.array_equal, weights, first)) is load


def test_a_function_leaves_global_random_numbers_alone():
    import random

    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    fit(compiled(amto(mlp)), epochs=1)
    assert (random.random(), np.random.random()) == expected


def test_a_model_starts_all_tasks_from_its_own_weights():
    network = mlp()
    start = network.get_weights()[0]

    class Start(keras_amto.callbacks.RoundCallback):
        def on_train_begin(self, logs=None):
            for m in range(3):
                np.testing.assert_array_equal(
                    self.model.get_task_weights(m)[0], start
                )

    fit(compiled(amto(network)), callbacks=[Start()])


# Data


def test_frames_and_datasets_train_as_arrays_do():
    import tensorflow as tf

    x, y = digits(150)
    runs = []
    for given in (
        dict(x=x, y=y),
        dict(x=pd.DataFrame(x), y=y),
        dict(x=tf.data.Dataset.from_tensor_slices((x, y)).batch(16)),
    ):
        keras.utils.set_random_seed(3)
        model = compiled(amto())
        if "y" in given:
            given["batch_size"] = 16
        model.fit(**given, epochs=2, verbose=0)
        runs.append(model.ledger)
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("source", ["float64", "dataset"])
def test_what_was_read_or_converted_is_held_once(source):
    """The engine's tensors lie in the memory of the gross set."""
    import tensorflow as tf

    from keras_amto.engines.program import share
    from keras_amto.tasks import read_data

    x, y = digits(150)
    if source == "dataset":
        given = (tf.data.Dataset.from_tensor_slices((x, y)).batch(7),)
    else:
        given = (x.astype("float64"), y)
    data, _ = read_data(*given)
    tensor = share(data.x)
    data.x[3, 5] = 0.625
    assert tensor[3, 5].numpy() == 0.625
    np.testing.assert_array_equal(tensor, data.x)


@pytest.mark.parametrize("kind", ["unaligned", "read-only", "strided"])
def test_arrays_that_tensorflow_would_copy_train_as_others_do(kind):
    x, y = digits(150)
    whole = np.empty((150, 65), "float32")
    unlike = {
        "unaligned": np.frombuffer(
            bytearray(4) + x.tobytes(), "float32", -1, 4
        ).reshape(x.shape),
        "read-only": x.copy(),
        "strided": whole[:, 1:],
    }[kind]
    if kind == "strided":
        unlike[:] = x
    unlike.setflags(write=kind != "read-only")
    aligned = aligned_empty(x.shape, x.dtype)
    aligned[:] = x
    runs = []
    for given in (unlike, aligned):
        keras.utils.set_random_seed(3)
        model = compiled(amto())
        model.fit(given, y, batch_size=16, epochs=2, verbose=0)
        runs.append(model.ledger)
    assert runs[0] == runs[1]


def test_no_data_are_kept_after_fit():
    x, y = digits(150)
    model = compiled(amto())
    model.fit(x, y, verbose=0)
    assert not model._carried.engine._data._tensors


def test_class_weights_count_in_training_alone_as_in_keras():
    x, y = digits(150)
    still = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
    model = compiled(amto(num_tasks=1))
    history = fit(
        model, class_weight=dict.fromkeys(range(10), 7.0), callbacks=[still]
    )
    held = model.tasks[0].validation_indices
    loss, _ = model.evaluate(x[held], y[held], verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert history.history["loss"][-1] > 6 * loss


def test_a_missing_weight_of_an_output_stands_for_ones():
    from keras_amto.tasks import read_data

    x, y = digits(20)
    data, _ = read_data(x, [y, y], [np.full(20, 2.0), None])
    assert data.sample_weight[1].tolist() == [1.0] * 20


def test_a_dataset_of_validation_data_comes_in_its_own_batches():
    import tensorflow as tf

    x, y = digits(300)
    dataset = tf.data.Dataset.from_tensor_slices((x[150:], y[150:])).batch(60)
    model = compiled(amto())
    weights = model.get_weights()
    one = fit(model, validation_data=dataset.repeat(), validation_steps=2)
    other = compiled(amto())
    other.set_weights(weights)
    two = fit(other, validation_data=(x[150:270], y[150:270]))
    assert one.history["val_loss"] == pytest.approx(two.history["val_loss"])


def test_a_holdout_selects_and_stays_clean():
    x, y = digits(150)
    model = compiled(amto(holdout_split=0.2, stratify=True))
    fit(model)
    holdout = model.tasks[0].holdout_indices
    assert len(holdout) >= 30
    for task in model.tasks:
        assert not set(holdout) & set(task.train_indices)
        assert not set(holdout) & set(task.validation_indices)
    table = model.finalists
    assert table.criterion == "clean"
    assert table.clean_accuracies[table.winner] == max(table.clean_accuracies)
    loss, accuracy = model.evaluate(x[holdout], y[holdout], verbose=0)
    assert accuracy == pytest.approx(table.clean_accuracies[table.winner])


def test_validation_data_select_and_give_the_val_logs():
    x, y = digits(300)
    model = compiled(amto())
    history = fit(model, validation_data=(x[150:], y[150:]))
    table = model.finalists
    assert table.criterion == "clean"
    loss, accuracy = model.evaluate(x[150:], y[150:], verbose=0)
    assert accuracy == pytest.approx(max(table.clean_accuracies))
    assert 0 < history.history["val_accuracy"][-1] <= 1


def test_validation_steps_limit_the_validation_data():
    x, y = digits(300)
    one, other = compiled(amto()), compiled(amto())
    weights = one.get_weights()
    other.set_weights(weights)
    a = fit(one, validation_data=(x[150:], y[150:]), validation_steps=2)
    b = fit(other, validation_data=(x[150:182], y[150:182]))
    assert a.history["val_loss"] == b.history["val_loss"]


def test_validation_steps_are_batches_of_the_data_as_they_come():
    x, y = digits(300)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 7

        def __getitem__(self, index):
            rows = slice(20 * index, 20 * (index + 1))
            return x[150:][rows], y[150:][rows]

    logs = []
    for data, steps in ((Batches(), 2), ((x[150:190], y[150:190]), None)):
        keras.utils.set_random_seed(0)
        model = compiled(amto())
        history = fit(
            model,
            validation_data=data,
            validation_steps=steps,
            validation_batch_size=5,
        )
        logs.append(history.history["val_loss"])
    assert logs[0] == logs[1]


def test_uniform_selection_draws_all_donors_alike():
    model = compiled(amto(selection="uniform"))
    fit(model)
    for record in model.ledger:
        np.testing.assert_array_equal(
            record.donor_probabilities, (1 - np.eye(3)) / 2
        )
    assert model.ledger[-1].relationships.any()


def test_the_argument_validation_split_is_the_share_of_each_task():
    model = compiled(amto())
    fit(model, validation_split=0.4)
    sizes = {len(task.validation_indices) for task in model.tasks}
    assert sizes == {60}
    sets = {tuple(task.validation_indices) for task in model.tasks}
    assert len(sets) == 3


# Saving


def test_before_any_fit_the_model_as_given_answers():
    network = mlp()
    x, _ = digits(20)
    expected = network.predict(x, verbose=0)
    model = amto(network)
    assert model.best_model is network
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    np.testing.assert_allclose(model(x), expected, atol=1e-6)
    assert model.best_task is None
    assert model.finalists is None
    assert len(model.ledger) == 0
    assert model.tasks == ()


@pytest.mark.parametrize("fitted", [False, True])
def test_saving_round_trips_settings_compile_state_and_winner(tmp_path, fitted):
    settings = dict(
        holdout_split=0.1, selection="uniform", stratify=True,
        engine="tensorflow", relationship_decay=0.8, name="wrapped",
    )  # fmt: skip
    model = compiled(amto(mlp(dropout=0.1), **settings))
    if fitted:
        fit(model)
        model.optimizer.learning_rate = 0.025
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    for one, other in (
        (again.get_config(), model.get_config()),
        (again.get_compile_config(), model.get_compile_config()),
    ):
        # As text: a tuple is a list once it was saved.
        assert json.dumps(one) == json.dumps(other)
    x, y = digits(300)
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    for a, b in zip(
        again.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    fit(again)
    assert len(again.ledger) > 0


def test_the_best_model_loads_without_keras_amto(trained, tmp_path):
    x, _ = digits(20)
    trained.best_model.save(tmp_path / "best.keras")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, keras, numpy as np; "
        f"m = keras.models.load_model(r'{tmp_path / 'best.keras'}'); "
        f"np.save(r'{tmp_path / 'p.npy'}', "
        f"m.predict(np.load(r'{tmp_path / 'x.npy'}'), verbose=0)); "
        "assert 'keras_amto' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    np.testing.assert_allclose(
        np.load(tmp_path / "p.npy"), trained.predict(x, verbose=0), atol=1e-6
    )


def test_the_export_holds_each_variable_of_the_wrapped_model_once(
    trained, tmp_path
):
    import tensorflow as tf

    trained.export(tmp_path / "served", verbose=False)
    prefix = str(tmp_path / "served" / "variables" / "variables")
    stored = [
        shape
        for name, shape in tf.train.list_variables(prefix)
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]
    wrapped = [list(v.shape) for v in trained.best_model.variables]
    assert sorted(stored) == sorted(wrapped)
    x, _ = digits(50)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(
        served.serve(x), trained.predict(x, verbose=0), atol=1e-5
    )
    assert len(served.variables) == len(wrapped)
    layer = keras.layers.TFSMLayer(tmp_path / "served")
    np.testing.assert_allclose(layer(x), served.serve(x), atol=1e-6)


def test_summary_is_the_winners(trained):
    lines = []
    trained.summary(print_fn=lambda line, **_: lines.append(line))
    assert trained.best_model.name in "\n".join(lines)


def test_weights_can_be_saved_alone(trained, tmp_path):
    trained.save_weights(tmp_path / "w.weights.h5")
    other = compiled(amto(mlp(dropout=0.1)))
    other.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(other.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
