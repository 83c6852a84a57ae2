"""Networks on everything: Keras and NumPy are the oracles."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.experiments import population
from keras_amto.experiments.arms import ARMS
from keras_amto.tasks import TrainingBatches
from tests.experiments.problems import experiment
from tests.experiments.problems import repetition
from tests.experiments.problems import softmax
from tests.experiments.test_networks import tiny

pytestmark = pytest.mark.usefixtures("engines_once")

RATE = 0.05


def normalized():
    return tiny((64,), 10)


def batches_of(gross, batch_size, steps, task=0, seed=0):
    everything = np.arange(len(gross.x))
    window = TrainingBatches(everything, batch_size, task, seed)
    for indices in window.window(0, steps):
        yield gross.x[indices], gross.y[indices]


def trained_by_keras(made, rate, batch_size, steps):
    """Yields a network after every step on everything."""
    keras.utils.set_random_seed(0)
    network = made.experiment.network()
    network.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    for x, y in batches_of(made.gross, batch_size, steps):
        network.train_on_batch(x, y)
        yield network


def judged(network, made):
    loss, accuracy = network.evaluate(*made.test_set, verbose=0)
    return [accuracy, loss]


def figures(result):
    return [result.test_accuracy, result.test_loss]


@pytest.mark.parametrize("network", [softmax, normalized])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize(
    ("arm", "times", "batches"),
    [("full", 1, 1), ("full_long", 4, 1), ("full_batch", 1, 4)],
)
def test_a_network_on_everything_is_one_that_keras_trains(
    tmp_path, network, schedule, arm, times, batches
):
    made = repetition(tmp_path, arm, network=network, schedule=schedule)
    steps = 12 * times
    rate = RATE
    if schedule == "cosine":  # over the steps of this arm, not of others
        rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    *_, expected = trained_by_keras(made, rate, 16 * batches, steps)
    found = made.train_on_everything(times=times, batches=batches)
    for a, b in zip(found.weights[0], expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        figures(ARMS[arm].run(made)), judged(expected, made), rtol=1e-4
    )


# Ends of intervals after two thirds of the steps. The last counts, too.
@pytest.mark.parametrize(
    ("arm", "steps", "interval", "ends"),
    [
        ("full_average", 12, 2, [10, 12]),
        ("full_average", 12, 5, [10, 12]),
        ("full_average", 12, 100, [12]),
        ("full_average", 1, 1, [1]),
        ("full_long_average", 12, 5, [35, 40, 45, 48]),
    ],
)
def test_an_average_is_the_mean_of_the_last_third(
    tmp_path, arm, steps, interval, ends
):
    made = repetition(tmp_path, arm, steps=steps, transfer_interval=interval)
    kept = []
    for step, network in enumerate(
        trained_by_keras(made, RATE, 16, max(ends)), start=1
    ):
        if step in ends:
            kept.append(network.get_weights())
    network.set_weights(
        [np.mean(arrays, axis=0) for arrays in zip(*kept, strict=True)]
    )
    np.testing.assert_allclose(
        figures(ARMS[arm].run(made)), judged(network, made), rtol=1e-4
    )


def test_an_average_has_the_statistics_of_the_gross_set(tmp_path):
    made = repetition(tmp_path, "full_average", network=normalized)
    found = made.train_on_everything().average()
    network = made.network_of(found)
    _, dense, normalization, _ = network.layers
    inputs = keras.ops.convert_to_numpy(dense(made.gross.x))
    np.testing.assert_allclose(
        normalization.moving_mean, inputs.mean(axis=0), rtol=1e-4, atol=1e-6
    )


# One layer without momentum, whose gradient is known, by NumPy.


def papa_by_numpy(made, count, every, mix):
    """Returns the weights of all networks after training."""
    start = made.experiment.start(0).get_weights()
    members = [[w.astype("float64") for w in start] for _ in range(count)]
    steps, batch_size = made.experiment.steps, made.experiment.batch_size
    streams = [
        batches_of(made.gross, batch_size, steps, task) for task in range(count)
    ]
    for step in range(1, steps + 1):
        for member, stream in zip(members, streams, strict=True):
            x, y = next(stream)
            error = softmax_of(x, member) - np.eye(10)[y]
            member[0] -= RATE * x.T @ error / len(x)
            member[1] -= RATE * error.mean(axis=0)
        if step % every == 0:
            mean = [
                np.mean(each, axis=0) for each in zip(*members, strict=True)
            ]
            members = [
                [mix(w, m) for w, m in zip(member, mean, strict=True)]
                for member in members
            ]
    return members


def softmax_of(x, weights):
    kernel, bias = weights
    scores = np.exp(x @ kernel + bias)
    return scores / scores.sum(axis=1, keepdims=True)


def replaced(own, mean):
    return mean.copy()


def pulled(own, mean):
    return 0.99 * own + 0.01 * mean


@pytest.mark.parametrize(
    ("arm", "steps", "every", "mix", "by_numpy"),
    [
        # An epoch is three steps, and a tenth of training at most passes.
        ("papa_all", 180, 15, population.replace_by_mean, replaced),
        ("papa_all", 24, 2, population.replace_by_mean, replaced),
        ("papa", 24, 10, population.pull_to_mean, pulled),
        ("papa", 9, 10, population.pull_to_mean, pulled),
    ],
)
def test_papa_is_as_published(tmp_path, arm, steps, every, mix, by_numpy):
    made = repetition(
        tmp_path,
        arm,
        optimizer=keras.optimizers.SGD(RATE),
        steps=steps,
        batch_size=40,
    )
    expected = papa_by_numpy(made, 4, every, by_numpy)
    found = made.train_on_everything(4, mix=mix, mix_every=every)
    for member, other in zip(found.weights, expected, strict=True):
        for a, b in zip(member, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    mean = [np.mean(each, axis=0) for each in zip(*expected, strict=True)]
    for a, b in zip(found.merged(), mean, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    x, y = made.test_set
    right = softmax_of(x, mean)[np.arange(len(y)), y]
    np.testing.assert_allclose(
        ARMS[arm].run(made).test_loss, -np.log(right).mean(), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("size", "batch_size", "steps", "apart"),
    [
        (1000, 64, 900, 80),  # five epochs of 16 steps
        (1000, 64, 400, 40),  # a tenth
        (120, 40, 9, 1),
        (10, 64, 100, 5),
    ],
)
def test_papa_all_mixes_every_five_epochs_but_ten_times_at_least(
    size, batch_size, steps, apart
):
    assert population.epochs_apart(5, size, batch_size, steps) == apart


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ({}, 12),
        ({"steps": 48}, 48),
        ({"rate_factor": 7 / 6}, 12),
        ({"predicts": True}, 12),
    ],
)
def test_a_cosine_ends_at_zero_with_the_last_step(arguments, steps):
    made = experiment(schedule="cosine")
    optimizer = made.make_optimizer(made.start(0), **arguments)
    schedule = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    factor = arguments.get("rate_factor", 1)
    rates = [float(schedule(step)) for step in (0, steps - 1, steps)]
    assert rates[0] == pytest.approx(RATE * factor)
    assert 0 < rates[1] < 0.02 * RATE
    assert rates[2] == pytest.approx(0, abs=1e-9)


def test_no_arm_decays_what_the_optimizer_excludes():
    optimizer = keras.optimizers.AdamW(RATE)
    plain = experiment(optimizer=optimizer)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    made = experiment(optimizer=optimizer)
    for predicts in (False, True):
        network = made.start(0)
        copy = made.make_optimizer(network, predicts=predicts)
        inner = getattr(copy, "inner_optimizer", copy)
        kernel, bias = network.trainable_variables
        assert inner._use_weight_decay(kernel)
        assert not inner._use_weight_decay(bias)
    found = made.identity()["optimizer"]
    assert found.pop("excluded_from_weight_decay") == [1]
    # A comparison without them is another one.
    del optimizer._exclude_from_weight_decay_pattern
    assert plain.identity()["optimizer"] == found


def test_an_optimizer_round_another_one_is_refused():
    for wrapped in (
        keras_amto.optimizers.LinearPrediction("sgd"),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
    ):
        with pytest.raises(ValueError, match="wraps another one"):
            experiment(optimizer=wrapped)


def test_a_schedule_beside_another_one_is_refused():
    decay = keras.optimizers.schedules.ExponentialDecay(RATE, 10, 0.5)
    optimizer = keras.optimizers.SGD(decay)
    with pytest.raises(ValueError, match="has a schedule already"):
        experiment(optimizer=optimizer, schedule="cosine")
    experiment(optimizer=optimizer)
    with pytest.raises(ValueError, match="`schedule`"):
        experiment(schedule="linear")
