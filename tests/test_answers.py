"""One population, three answers: the winner, the average, the ensemble."""

import random

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_fast_engine
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import everything
from tests.networks import mlp

pytestmark = pytest.mark.usefixtures("engines_once")

ENGINES = pytest.mark.parametrize(
    "engine", ["portable", pytest.param("auto", marks=needs_fast_engine)]
)
x, y = digits(120)


def normalized():
    """A network with batch normalisation."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(16),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


class Masters(keras_amto.callbacks.RoundCallback):
    """Keeps the weights of all masters at the end of every round."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_round_end(self, round, record):
        tasks = range(len(record.accepted))
        weights = [self.model.get_task_weights(task) for task in tasks]
        self.seen.append((record.step, weights))


def trained(
    answer, make=mlp, callbacks=(), data=(x, y), fit_args=None, **settings
):
    keras.utils.set_random_seed(0)
    stop = {
        name: settings.pop(name)
        for name in (
            "patience",
            "average_from",
            "max_steps",
            "restore_best_weights",
        )
        if name in settings
    }
    model = keras_amto.AMTOModel(
        make(), **(dict(num_tasks=3, transfer_interval=4, seed=0) | settings)
    )
    compiled(model)
    callback = keras_amto.AMTOCallback(
        **({"patience": None} | stop), answer=answer
    )
    model.fit(
        *data,
        **(dict(batch_size=16, epochs=3, verbose=0) | (fit_args or {})),
        callbacks=[callback, *callbacks],
    )
    return model


@ENGINES
def test_the_average_equals_that_of_numpy(engine):
    masters = Masters()
    model = trained("average", callbacks=[masters], engine=engine)
    last = masters.seen[-1][0]
    assert last == 21
    late = [w for step, ws in masters.seen if step > 14 for w in ws]
    assert len(late) == 3 * 3  # rounds end after steps 16, 20 and 21
    for found, *values in zip(model.get_weights(), *late, strict=True):
        mean = np.mean(values, axis=0, dtype="float64")
        np.testing.assert_allclose(found, mean, rtol=1e-6, atol=1e-7)


@ENGINES
def test_with_one_task_and_one_round_the_average_is_the_master(engine):
    model = trained("average", num_tasks=1, transfer_interval=50, engine=engine)
    assert len(model.ledger) == 1
    for one, other in zip(
        model.get_weights(), model.get_task_weights(0), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_average_normalises_as_numpy_would():
    model = trained("average", normalized, holdout_split=0.2)
    weights = model.get_weights()
    rows = np.unique(np.concatenate([t.train_indices for t in model.tasks]))
    assert not set(rows) & set(model.tasks[0].holdout_indices)
    activations = x[rows] @ weights[0] + weights[1]
    # Batches are small, so that the mean of variances is only about that.
    np.testing.assert_allclose(
        weights[4], activations.mean(axis=0), rtol=0.1, atol=0.05
    )
    assert np.corrcoef(weights[5], activations.var(axis=0))[0, 1] > 0.98
    stale = np.mean(
        [model.get_task_weights(task)[5] for task in range(3)], axis=0
    )
    assert not np.allclose(weights[5], stale, rtol=1e-3)


@needs_fast_engine
def test_the_engines_average_alike():
    one, other = (
        trained("ensemble", normalized, engine=engine, transfer="merge")
        for engine in ("portable", "auto")
    )
    for a, b in zip(
        one.finalists.products, other.finalists.products, strict=True
    ):
        np.testing.assert_allclose(a.losses, b.losses, rtol=1e-4, atol=1e-5)
    for a, b in zip(
        one.get_answer("average").get_weights(),
        other.get_answer("average").get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_ensemble_answers_with_the_mean_of_the_candidates():
    class Candidates(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.best = self.model._carried.run.best

    seen = Candidates()
    model = trained("ensemble", callbacks=[seen])
    network, outputs = mlp(), []
    for replica in seen.best:
        network.set_weights(list(map(np.asarray, replica.weights)))
        outputs.append(network.predict(x, verbose=0))
    np.testing.assert_allclose(
        model.predict(x, verbose=0), np.mean(outputs, axis=0), atol=1e-6
    )


def test_finalists_have_what_each_answer_scores_and_costs():
    model = trained("ensemble", holdout_split=0.2)
    table = model.finalists
    winner, average, ensemble = table.products
    assert [p.name for p in table.products] == [
        "winner", "average", "ensemble"
    ]  # fmt: skip
    assert [p.networks for p in table.products] == [1, 1, 3]
    assert winner.parameters == mlp().count_params()
    assert ensemble.parameters == 3 * winner.parameters
    np.testing.assert_array_equal(winner.losses, table.losses[table.winner])
    assert winner.clean_loss == table.clean_losses[table.winner]
    held = model.tasks[0].holdout_indices
    for product in table.products:
        network = compiled(model.get_answer(product.name))
        loss, accuracy = network.evaluate(x[held], y[held], verbose=0)
        np.testing.assert_allclose(product.clean_loss, loss, rtol=1e-4)
        np.testing.assert_allclose(product.clean_accuracy, accuracy, rtol=1e-4)
        for task, expected in zip(model.tasks, product.losses, strict=True):
            rows = task.validation_indices
            loss, _ = network.evaluate(x[rows], y[rows], verbose=0)
            np.testing.assert_allclose(expected, loss, rtol=1e-4)
    text = str(table)
    assert "average" in text
    assert "ensemble*" in text


@pytest.mark.parametrize(
    ("answer", "made"),
    [("winner", 1), ("average", 2), ("ensemble", 3)],
)
def test_no_more_is_made_than_was_asked_for(answer, made):
    model = trained(answer)
    names = ["winner", "average", "ensemble"]
    assert [p.name for p in model.finalists.products] == names[:made]
    assert model.finalists.answer == answer
    for name in names[:made]:
        model.get_answer(name)
    for name in names[made:]:
        with pytest.raises(ValueError, match="no such answer"):
            model.get_answer(name)


def test_a_model_without_a_fit_has_no_answer():
    model = compiled(keras_amto.AMTOModel(mlp()))
    with pytest.raises(ValueError, match="no such answer"):
        model.get_answer("winner")
    with pytest.raises(ValueError, match="answer"):
        model.get_answer("mean")


@needs_tensorflow
@pytest.mark.parametrize("answer", ["winner", "average", "ensemble"])
def test_every_answer_is_saved_and_exported_as_one_model(tmp_path, answer):
    import tensorflow as tf

    model = trained(answer, normalized)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(
        model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"],
        (expected.argmax(axis=1) == y).mean(),
        atol=1e-6,
    )
    for number, saved in enumerate((model, model.best_model)):
        path = tmp_path / f"{number}.keras"
        saved.save(path)
        loaded = keras.models.load_model(path)
        np.testing.assert_allclose(
            loaded.predict(x, verbose=0), expected, atol=1e-6
        )
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(x), expected, atol=1e-6)
    held = len(served.variables)
    networks = 3 if answer == "ensemble" else 1
    assert held == networks * len(normalized().weights)


def test_an_ensemble_loads_without_keras_amto(tmp_path):
    import subprocess
    import sys

    trained("ensemble").best_model.save(tmp_path / "ensemble.keras")
    script = (
        "import sys, keras, numpy as np; "
        "sys.modules['keras_amto'] = None; "
        "model = keras.models.load_model(sys.argv[1]); "
        "print(model.predict(np.zeros((2, 64)), verbose=0).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "ensemble.keras")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "(2, 10)"


def test_another_fit_goes_on_from_the_tasks_whatever_answered_meanwhile():
    models = [trained(answer) for answer in ("winner", "ensemble")]
    for model in models:
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    one, other = models
    assert one.ledger == other.ledger
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.finalists.answer == "winner"


def test_callbacks_see_the_winner_until_fit_returns_the_ensemble():
    class Seen(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.layers = len(self.model.best_model.layers)

    seen = Seen()
    early = keras.callbacks.EarlyStopping(
        "loss", patience=1, restore_best_weights=True
    )
    model = trained("ensemble", callbacks=[seen, early])
    assert seen.layers == len(mlp().layers)
    assert len(model.best_model.layers) > 3


def test_outputs_of_every_structure_are_averaged():
    inputs = keras.Input((64,))
    outputs = {
        "digit": keras.layers.Dense(10, activation="softmax")(inputs),
        "parity": keras.layers.Dense(1, activation="sigmoid")(inputs),
    }
    model = keras_amto.AMTOModel(
        keras.Model(inputs, outputs), 2, transfer_interval=4, seed=0
    )
    losses = {
        "digit": "sparse_categorical_crossentropy",
        "parity": "binary_crossentropy",
    }
    model.compile("sgd", losses)
    with pytest.warns(UserWarning, match="no accuracy"):
        model.fit(
            x,
            {"digit": y, "parity": y % 2},
            verbose=0,
            callbacks=[keras_amto.AMTOCallback(answer="ensemble")],
        )
    found = model.predict(x, verbose=0)
    assert set(found) == {"digit", "parity"}
    np.testing.assert_allclose(found["digit"].sum(axis=1), 1, rtol=1e-5)
    assert [p.accuracies for p in model.finalists.products] == [None] * 3


def test_two_outputs_without_names_are_told_apart():
    keras.utils.set_random_seed(0)
    model = keras_amto.AMTOModel(everything(), 2, transfer_interval=4, seed=0)
    model.compile(
        "sgd",
        loss=["sparse_categorical_crossentropy", "binary_crossentropy"],
        metrics=[["accuracy"], None],
    )
    model.fit(
        x,
        [y, y % 2],
        verbose=0,
        callbacks=[keras_amto.AMTOCallback(answer="ensemble")],
    )
    digit, parity = model.predict(x, verbose=0)
    assert (digit.shape, parity.shape) == ((120, 10), (120, 1))


def test_numbers_are_averaged_in_a_regression():
    inputs = keras.Input((64,))
    network = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model = keras_amto.AMTOModel(network, 2, transfer_interval=4, seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no accuracy"):
        model.fit(
            x,
            y / 10,
            verbose=0,
            callbacks=[keras_amto.AMTOCallback(answer="ensemble")],
        )
    members = [
        layer
        for layer in model.best_model.layers
        if isinstance(layer, keras.Model)
    ]
    expected = np.mean([m.predict(x, verbose=0) for m in members], axis=0)
    np.testing.assert_allclose(
        model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5
    )


class OwnStep(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(10, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)


class OwnLoss(OwnStep):
    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        return 2 * super().compute_loss(x, y, y_pred, sample_weight, training)


def own_step():
    return OwnStep()


def own_loss():
    return OwnLoss()


def test_a_subclassed_network_makes_an_ensemble():
    model = trained("ensemble", lambda: own_step)
    assert model.predict(x, verbose=0).shape == (120, 10)
    model = trained("average", lambda: own_loss)
    assert model.finalists.answer == "average"


def test_an_ensemble_whose_loss_keras_cannot_know_is_refused():
    with pytest.raises(ValueError, match="compute_loss"):
        trained("ensemble", lambda: own_loss)


def test_patience_before_the_last_part_averages_the_last_masters():
    masters = Masters()
    model = trained(
        "average",
        callbacks=[masters],
        average_from=0.99,
        patience=1,
        fit_args=dict(epochs=400),
    )
    step, last = masters.seen[-1]
    assert step < 1000
    for found, *values in zip(model.get_weights(), *last, strict=True):
        np.testing.assert_allclose(found, np.mean(values, axis=0), rtol=1e-5)


@pytest.mark.parametrize(("average_from", "rounds"), [(0.0, 6), (0.9, 2)])
def test_the_last_part_is_an_argument(average_from, rounds):
    counted = []

    class Counting(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            counted.append(self.model._carried.run.average.networks)

    trained("average", callbacks=[Counting()], average_from=average_from)
    assert counted[-1] == 3 * rounds


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (dict(answer="mean"), ValueError),
        (dict(answer=None), ValueError),
        (dict(average_from=1.0), ValueError),
        (dict(average_from=-0.1), ValueError),
        (dict(average_from="last"), TypeError),
    ],
)
def test_wrong_answers_are_refused(arguments, kind):
    with pytest.raises(kind, match="Received"):
        keras_amto.AMTOCallback(**arguments)


@ENGINES
def test_acceptance_on_clean_data_judges_by_them(engine):
    judged = []

    class Judge(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            carried = self.model._carried
            run, held = carried.run, self.model.tasks[0].holdout_indices
            network = compiled(mlp())
            losses = []
            for master in run.masters:
                network.set_weights(list(map(np.asarray, master.weights)))
                loss, _ = network.evaluate(x[held], y[held], verbose=0)
                losses.append(loss)
            kept = np.where(
                record.accepted, record.shadow_losses, record.master_losses
            )
            np.testing.assert_allclose(kept, losses, rtol=1e-4)
            judged.append(record.accepted)

    trained(
        "winner",
        callbacks=[Judge()],
        holdout_split=0.3,
        acceptance="holdout",
        engine=engine,
    )
    assert np.any(judged)


def test_acceptance_on_validation_data_uses_those():
    clean = digits(200)
    given = (clean[0][120:], clean[1][120:])
    model = trained(
        "winner",
        acceptance="holdout",
        fit_args=dict(validation_data=given),
    )
    record, run = model.ledger[-1], model._carried.run
    network = compiled(mlp())
    network.set_weights(list(map(np.asarray, run.masters[0].weights)))
    loss, _ = network.evaluate(*given, verbose=0)
    kept = np.where(record.accepted, record.shadow_losses, record.master_losses)
    np.testing.assert_allclose(kept[0], loss, rtol=1e-4)


def test_acceptance_on_clean_data_without_any_is_refused():
    with pytest.raises(ValueError, match="no clean set"):
        trained("winner", acceptance="holdout")


@pytest.mark.parametrize(
    "settings", [dict(transfer="swap"), dict(acceptance="all")]
)
def test_unknown_ways_are_refused(settings):
    with pytest.raises(ValueError, match="Received"):
        keras_amto.AMTOModel(mlp(), **settings)


@ENGINES
def test_merging_and_clean_acceptance_are_saved_with_the_model(
    engine, tmp_path
):
    model = trained(
        "winner",
        engine=engine,
        transfer="merge",
        acceptance="holdout",
        holdout_split=0.2,
    )
    model.save(tmp_path / "model.keras")
    config = keras.models.load_model(tmp_path / "model.keras").get_config()
    assert (config["transfer"], config["acceptance"]) == ("merge", "holdout")


class Poison(keras_amto.callbacks.RoundCallback):
    """Makes the network of task 0 diverge in the middle of training."""

    def on_round_end(self, round, record):
        if round == 3:
            weights = self.model.get_task_weights(0)
            self.model.set_task_weights(0, [w * np.nan for w in weights])


class Stay(keras_amto.callbacks.RoundCallback):
    """Makes it diverge in every round, also in the last."""

    def on_round_end(self, round, record):
        weights = self.model.get_task_weights(0)
        self.model.set_task_weights(0, [w * np.nan for w in weights])


@ENGINES
def test_a_merging_task_that_has_diverged_is_healed_by_a_donor(engine):
    model = trained(
        "winner", callbacks=[Poison()], transfer="merge", engine=engine
    )
    assert not np.isfinite(model.ledger[4].master_losses[0])
    assert model.ledger[4].accepted[0]
    for task in range(3):
        for weight in model.get_task_weights(task):
            assert np.isfinite(weight).all()


@ENGINES
def test_a_task_that_has_diverged_does_not_spoil_the_average(engine):
    model = trained(
        "average", callbacks=[Stay()], average_from=0.0, engine=engine
    )
    for weight in model.get_weights():
        assert np.isfinite(weight).all()


def test_an_ensemble_goes_without_a_candidate_that_has_diverged():
    with pytest.warns(UserWarning, match="goes without"):
        model = trained(
            "ensemble", callbacks=[Stay()], restore_best_weights=False
        )
    assert model.finalists.products[-1].networks == 2
    assert np.isfinite(model.predict(x, verbose=0)).all()


def test_a_refused_fit_leaves_the_ensemble_where_it_was():
    model = trained("ensemble")
    expected = model.predict(x, verbose=0)
    for refused in (dict(x=x[:, :5], y=y), dict(x=x, y=y + 50)):
        with pytest.raises(ValueError, match="Received"):
            model.fit(**refused, verbose=0)
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.fit(x, y, epochs=0, verbose=0)  # which changes nothing either
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    assert model.get_answer("average").built


def test_an_interrupted_fit_answers_with_the_network_it_has_come_to():
    model = trained("ensemble")

    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    stop = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[stop])
    assert len(model.weights) == len(mlp().weights)


def test_an_error_as_training_ends_takes_no_answer_away():
    def fail(logs):
        raise OSError("the upload failed")

    model = compiled(keras_amto.AMTOModel(mlp(), 2, 5, seed=0))
    answer = keras_amto.AMTOCallback(answer="ensemble")
    failing = keras.callbacks.LambdaCallback(on_train_end=fail)
    with pytest.raises(OSError, match="the upload failed"):
        model.fit(x, y, verbose=0, callbacks=[answer, failing])
    for name in ("winner", "average", "ensemble"):
        assert model.get_answer(name) is not None
    assert len(model.weights) > len(mlp().weights)


def test_compiling_again_compiles_the_network_and_the_ensemble():
    model = trained("ensemble")
    expected = model.predict(x, verbose=0)
    top = keras.metrics.SparseTopKCategoricalAccuracy(3, name="top")
    compiled(model, optimizer="adam", metrics=["accuracy", top])
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(found) == {"loss", "accuracy", "top"}
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.fit(x, y, batch_size=16, verbose=0)
    assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == set(found)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert len(model.weights) == len(mlp().weights)


class Refuses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        raise ValueError("refused")


def test_a_fit_that_is_refused_before_its_first_step_takes_no_answer_away():
    model = trained("ensemble")
    ensemble, tasks = model.best_model, model.tasks
    with pytest.raises(ValueError, match="refused"):
        model.fit(x[:60], y[:60], verbose=0, callbacks=[Refuses()])
    assert model.best_model is ensemble
    assert model.tasks is tasks
    for answer in ("winner", "average", "ensemble"):
        assert model.get_answer(answer) is not None


def test_a_learning_rate_set_on_the_ensemble_is_that_of_the_next_fit():
    model = trained("ensemble")
    before = model.get_task_weights(0)
    model.optimizer.learning_rate = 0.0
    model.fit(x, y, batch_size=16, verbose=0)
    assert float(model.optimizer.learning_rate) == 0.0
    for task in range(3):
        rows = [model.get_task_weights(t) for t in range(3)]
        assert any(
            all(map(np.array_equal, rows[task], weights))
            for weights in (before, *rows[:task], *rows[task + 1 :])
        )


def test_the_ensemble_shows_the_learning_rate_that_callbacks_have_made():
    class Lowers(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.01 / (epoch + 1)

    model = trained("ensemble", callbacks=[Lowers()])
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.01 / 3)


def test_other_weights_of_the_ensemble_are_refused_as_a_start():
    model = trained("ensemble")
    given = model.get_weights()
    model.set_weights([weight + 1 for weight in given])
    with pytest.raises(ValueError, match=r"other weights in 'ensemble'"):
        model.fit(x, y, verbose=0)
    model.set_weights(given)
    model.fit(x, y, batch_size=16, verbose=0)


def test_making_an_answer_leaves_global_random_numbers_alone():
    model = trained("ensemble")
    keras.utils.set_random_seed(0)
    before = random.getstate()
    model.get_answer("winner")
    model.get_answer("ensemble")
    assert random.getstate() == before


def test_an_ensemble_has_the_names_of_its_inputs():
    def make():
        inputs = {
            name: keras.Input((32,), name=name) for name in ("left", "right")
        }
        joined = keras.layers.Concatenate()(list(inputs.values()))
        outputs = keras.layers.Dense(10, activation="softmax")(joined)
        return keras.Model(inputs, outputs)

    halves = {"left": x[:, :32], "right": x[:, 32:]}
    model = trained("ensemble", make, data=(halves, y))
    assert [each.name for each in model.best_model.inputs] == ["left", "right"]
