"""Parameters Linear Prediction, against arithmetic in NumPy."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.distribution import placement_under
from keras_amto.engines import TrainingJob
from keras_amto.engines import WorkerFactory
from keras_amto.engines import make_engine
from keras_amto.engines import replica_optimizer_variables
from keras_amto.optimizers import LinearPrediction
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import read_data
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

SGD = keras.optimizers.SGD
ON_TENSORFLOW = keras.config.backend() == "tensorflow"
BACKEND = keras.config.backend()
ENGINES = ["portable", *({BACKEND} & {"tensorflow", "jax"})]
EXACT = dict(rtol=1e-6, atol=1e-7)  # a few units in the last place of float32


def numpy(value):
    return np.array(keras.ops.convert_to_numpy(value))


def values(variables):
    return [numpy(variable.value) for variable in variables]


def gradients(count, shape=(3, 2)):
    return np.random.default_rng(1).normal(size=(count, *shape)).astype("f4")


def trajectory(optimizer, steps, start=None, constraint=None):
    """The weight after every gradient."""
    start = np.ones(steps.shape[1:], "f4") if start is None else start
    weight = keras.Variable(start, name="weight")
    weight.constraint = constraint
    path = []
    for step in steps:
        optimizer.apply([keras.ops.convert_to_tensor(step)], [weight])
        path.append(numpy(weight.value))
    return np.array(path)


def predicted_by_hand(optimizer, steps, every=1, constraint=None):
    """The same, the plain optimizer being moved on from outside."""
    weight = keras.Variable(np.ones(steps.shape[1:], "f4"), name="weight")
    weight.constraint = constraint
    path, cycle = [], []
    for count, step in enumerate(steps, start=1):
        optimizer.apply([keras.ops.convert_to_tensor(step)], [weight])
        if count % every == 0:
            cycle.append(numpy(weight.value))
        if len(cycle) == 3:
            one, two, three = cycle
            ahead = three + (two - one) / 2
            weight.assign(constraint(ahead) if constraint else ahead)
            cycle = []
        path.append(numpy(weight.value))
    return np.array(path)


def assert_all_equal(one, other, **tolerance):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, **(tolerance or dict(rtol=0)))


def fit(model, size=96, epochs=1, first=0):
    """Steps of 16 images in order."""
    x, y = digits(first + size)
    return model.fit(
        x[first:],
        y[first:],
        batch_size=16,
        epochs=epochs,
        shuffle=False,
        verbose=0,
    )


def test_the_third_update_of_the_golden_case_goes_one_step_ahead():
    path = trajectory(
        LinearPrediction(SGD(1.0)),
        np.array([1, 2, 4, 1], "f4"),
        start=np.zeros((), "f4"),
    )
    assert path.tolist() == [-1, -3, -8, -9]


@pytest.mark.parametrize("jit", [False, True], ids=["plain", "xla"])
def test_thirty_steps_of_fit_equal_a_numpy_reference(jit):
    if jit and keras.config.backend() == "torch":
        pytest.skip("is about compilers")
    rate, momentum, batch = 0.05, 0.9, 8
    generator = np.random.default_rng(0)
    x = generator.normal(size=(30 * batch, 5)).astype("f4")
    y = generator.normal(size=(30 * batch, 2)).astype("f4")
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    theta = [w.astype("f8") for w in model.get_weights()]
    model.compile(
        LinearPrediction(SGD(rate, momentum=momentum, nesterov=True)),
        "mse",
        jit_compile=jit,
    )
    model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)

    velocity = [np.zeros_like(w) for w in theta]
    cycle = []
    for step in range(30):
        xs, ys = (a[step * batch : (step + 1) * batch] for a in (x, y))
        error = 2 * (xs @ theta[0] + theta[1] - ys) / ys.size
        for index, gradient in enumerate([xs.T @ error, error.sum(axis=0)]):
            velocity[index] = momentum * velocity[index] - rate * gradient
            theta[index] = (
                theta[index] + momentum * velocity[index] - rate * gradient
            )
        cycle.append([w.copy() for w in theta])
        if len(cycle) == 3:
            theta = [
                three + (two - one) / 2
                for one, two, three in zip(*cycle, strict=True)
            ]
            cycle = []
    assert_all_equal(model.get_weights(), theta, rtol=1e-4, atol=1e-5)


def all_optimizers():
    for name in sorted(dir(keras.optimizers)):
        cls = getattr(keras.optimizers, name)
        if (
            isinstance(cls, type)
            and issubclass(cls, keras.optimizers.Optimizer)
            and cls is not keras.optimizers.Optimizer
            and cls is not keras.optimizers.LossScaleOptimizer
        ):
            yield cls


@pytest.mark.parametrize(
    "cls", list(all_optimizers()), ids=lambda c: c.__name__
)
def test_every_optimizer_of_keras_can_be_wrapped(cls):
    def make():
        if cls.__name__ == "MultiOptimizer":  # made of others
            inner = SGD(0.1, momentum=0.9)
            return cls(lambda variable: inner)
        return cls(learning_rate=0.1)

    steps = gradients(8)
    path = trajectory(LinearPrediction(make()), steps)
    np.testing.assert_allclose(path, predicted_by_hand(make(), steps), **EXACT)
    plain = trajectory(make(), steps)
    np.testing.assert_allclose(path[:2], plain[:2], **EXACT)
    assert np.abs(path[2] - plain[2]).max() > 1e-5


@pytest.mark.parametrize(
    "arguments",
    [
        dict(momentum=0.9, nesterov=True),
        dict(weight_decay=0.1),
        dict(clipnorm=0.5),
        dict(use_ema=True, ema_momentum=0.5),
        dict(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
        dict(loss_scale_factor=4.0),
    ],
    ids=["momentum", "decay", "clipping", "ema", "ema-overwrites", "scale"],
)
def test_all_that_the_wrapped_optimizer_does_is_part_of_an_update(arguments):
    wrapped, plain = SGD(0.1, **arguments), SGD(0.1, **arguments)
    steps = gradients(10)
    np.testing.assert_allclose(
        trajectory(LinearPrediction(wrapped), steps),
        predicted_by_hand(plain, steps),
        **EXACT,
    )
    # Momentum and averages are those of the updates: predictions leave them.
    assert_all_equal(
        values(wrapped.variables), values(plain.variables), **EXACT
    )


def test_gradient_accumulation_counts_updates():
    def make():
        return SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)

    steps = gradients(15)
    optimizer = LinearPrediction(make())
    path = trajectory(optimizer, steps)
    np.testing.assert_allclose(
        path, predicted_by_hand(make(), steps, every=2), **EXACT
    )
    assert int(numpy(optimizer.iterations)) == 7
    # Between updates nothing moves.
    np.testing.assert_array_equal(path[1:-1:2], path[2::2])


def test_constraints_hold_after_a_prediction():
    constraint = keras.constraints.NonNeg()
    steps = np.array([-1, 0.5, 0.4], "f4")
    path = trajectory(
        LinearPrediction(SGD(1.0)),
        steps,
        start=np.array(0, "f4"),
        constraint=constraint,
    )
    # 1, 0.5, 0.1, and a step ahead -0.15.
    np.testing.assert_allclose(path, [1, 0.5, 0], atol=1e-7)
    norm = keras.constraints.UnitNorm(axis=0)
    steps = gradients(7)
    np.testing.assert_allclose(
        trajectory(LinearPrediction(SGD(0.1)), steps, constraint=norm),
        predicted_by_hand(SGD(0.1), steps, constraint=norm),
        **EXACT,
    )


def scaled(optimizer, **kwargs):
    return keras.optimizers.LossScaleOptimizer(
        optimizer, initial_scale=4.0, **kwargs
    )


def test_a_step_that_loss_scaling_skips_is_not_counted():
    if keras.config.backend() == "jax":
        pytest.skip("Keras scales losses there only in stateless_apply")
    optimizer = scaled(LinearPrediction(SGD(1.0)))
    steps = np.array([1, np.inf, 2, np.nan, 4, np.inf, 1], "f4")
    # The gradients are of the scaled loss, and each skip halves the scale.
    scales = np.array([4, 4, 2, 2, 1, 1, 0.5], "f4")
    path = trajectory(optimizer, steps * scales, start=np.zeros((), "f4"))
    assert path.tolist() == [-1, -1, -3, -3, -8, -8, -9]
    assert int(numpy(optimizer.iterations)) == 4


def test_stateless_apply_equals_apply():
    if ON_TENSORFLOW:
        pytest.skip("Keras has none on TensorFlow")
    weight = keras.Variable(np.zeros((), "f4"))
    optimizer = scaled(LinearPrediction(SGD(1.0)))
    optimizer.build([weight])
    # Copies, because Keras' torch optimizers change what they are given.
    weights = [keras.ops.copy(weight.value)]
    state = [keras.ops.copy(v.value) for v in optimizer.variables]
    path = []
    for gradient in [4, np.inf, 4, np.inf, 4, 1]:
        weights, state = optimizer.stateless_apply(
            state, [keras.ops.convert_to_tensor(np.float32(gradient))], weights
        )
        path.append(float(numpy(weights[0])))
    # Gradients 1, 2, 4 and 1 of the unscaled loss.
    assert path == [-1, -1, -3, -3, -8, -9]
    assert float(numpy(weight.value)) == 0


def test_a_fixed_loss_scale_inside_loss_scaling_is_not_applied_twice():
    optimizer = LinearPrediction(SGD(1.0, loss_scale_factor=8.0))
    assert optimizer.loss_scale_factor == 8
    assert float(numpy(optimizer.scale_loss(np.float32(2)))) == 16
    scaled(optimizer)
    assert optimizer.loss_scale_factor is None
    assert optimizer.inner_optimizer.loss_scale_factor is None
    assert float(numpy(optimizer.scale_loss(np.float32(2)))) == 2


def test_mixed_precision_puts_loss_scaling_around_it():
    if keras.config.backend() == "torch":
        pytest.skip("float16 on a processor is slow there")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(mlp(), optimizer=LinearPrediction(SGD(0.1)))
    finally:
        keras.config.set_dtype_policy(policy)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    losses = fit(model, epochs=10).history["loss"]
    assert losses[-1] < losses[0]


def test_moving_averages_take_the_place_of_the_weights_after_fit():
    inner = SGD(0.1, use_ema=True, ema_momentum=0.9)
    model = compiled(mlp(), optimizer=LinearPrediction(inner))
    fit(model, size=80)
    averages = [
        numpy(variable.value)
        for variable in inner.variables
        if variable.name.endswith("average")
    ]
    assert_all_equal(values(model.trainable_variables), averages)


def test_weights_set_between_two_updates_are_no_part_of_an_update():
    weight = keras.Variable(np.zeros((), "f4"))
    optimizer = LinearPrediction(SGD(1.0))
    path = []
    for gradient in (1, 2, 4):
        optimizer.apply(
            [keras.ops.convert_to_tensor(np.float32(gradient))], [weight]
        )
        path.append(float(numpy(weight.value)))
        weight.assign_add(np.float32(100))
    assert path == [-1, 97, 192]


@pytest.mark.parametrize("steps", range(1, 7))
def test_saving_and_resuming_between_two_updates_changes_nothing(
    steps, tmp_path
):
    def make():
        keras.utils.set_random_seed(3)
        return compiled(
            mlp(),
            optimizer=LinearPrediction(SGD(0.1, momentum=0.9, nesterov=True)),
        )

    straight = make()
    fit(straight, size=16 * 7)
    model = make()
    fit(model, size=16 * steps)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(model.optimizer, LinearPrediction)
    fit(model, size=16 * (7 - steps), first=16 * steps)
    assert_all_equal(model.get_weights(), straight.get_weights())
    assert_all_equal(
        values(model.optimizer.variables), values(straight.optimizer.variables)
    )


def test_variables_are_phase_and_one_copy_and_those_of_the_wrapped():
    model = compiled(mlp(), optimizer=LinearPrediction(SGD(0.1, momentum=0.9)))
    optimizer = model.optimizer
    assert optimizer.variables == optimizer.inner_optimizer.variables
    optimizer.build(model.trainable_variables)
    weights = [tuple(v.shape) for v in model.trainable_variables]
    shapes = [tuple(v.shape) for v in optimizer.variables]
    # Phase and copies; count of updates, learning rate and velocities.
    assert shapes == [(), *weights, (), (), *weights]
    names = [v.path for v in optimizer.variables]
    assert len(set(names)) == len(names)


def test_weights_of_the_optimizer_can_be_set():
    one, other = (LinearPrediction(SGD(0.1, momentum=0.9)) for _ in range(2))
    steps = gradients(2)
    trajectory(one, steps)
    trajectory(other, -steps)
    other.set_weights(values(one.variables))
    assert_all_equal(values(other.variables), values(one.variables))
    with pytest.raises(ValueError, match="Expected: a built optimizer"):
        other.set_weights(values(one.variables)[1:])
    with pytest.raises(ValueError, match="built=False"):
        LinearPrediction("sgd").set_weights([])


def test_the_learning_rate_is_that_of_the_wrapped_optimizer():
    inner = SGD(0.5)
    optimizer = LinearPrediction(inner)
    assert optimizer.learning_rate is inner.learning_rate
    optimizer.learning_rate = 0.25
    assert float(numpy(inner.learning_rate)) == 0.25
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [1, 2], [1.0, 0.5, 0.25]
    )
    optimizer = LinearPrediction(SGD(schedule))
    path = trajectory(optimizer, np.ones((3,), "f4"), np.zeros((), "f4"))
    # Rates 1, 1 and 0.5: updates count from 0. Then half of the second.
    assert path.tolist() == [-1, -2, -3]
    assert float(numpy(optimizer.learning_rate)) == 0.25
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


def test_callbacks_set_the_learning_rate():
    model = compiled(mlp(), optimizer=LinearPrediction(SGD(0.1)))
    x, y = digits(32)
    before = model.get_weights()
    model.fit(
        x,
        y,
        verbose=0,
        callbacks=[keras.callbacks.LearningRateScheduler(lambda *_: 0.0)],
    )
    assert_all_equal(model.get_weights(), before)


def test_apply_gradients_returns_the_number_of_updates():
    optimizer = LinearPrediction(SGD(1.0))
    weight = keras.Variable(np.zeros((), "f4"))
    gradient = keras.ops.convert_to_tensor(np.float32(1))
    for count in (1, 2, 3):
        returned = optimizer.apply_gradients([(gradient, weight)])
        assert int(numpy(returned)) == count
    assert float(numpy(weight.value)) == -3.5
    # Built, it needs no variables.
    optimizer.apply([gradient])
    assert float(numpy(weight.value)) == -4.5


@needs_tensorflow
def test_variables_of_tensorflow_can_be_trained():
    import tensorflow as tf

    weight = tf.Variable(0.0)
    optimizer = LinearPrediction(SGD(1.0))
    for gradient in (1, 2, 4):
        optimizer.apply([tf.constant(gradient, tf.float32)], [weight])
    assert float(weight) == -8


def test_a_trained_optimizer_can_be_wrapped():
    inner = SGD(1.0)
    weight = keras.Variable(np.zeros((), "f4"))
    gradient = keras.ops.convert_to_tensor(np.float32(1))
    for _ in range(2):
        inner.apply([gradient], [weight])
    optimizer = LinearPrediction(inner)
    for _ in range(3):
        optimizer.apply([gradient], [weight])
    assert float(numpy(weight.value)) == -5.5
    assert int(numpy(optimizer.iterations)) == 5
    # What it has is kept.
    inner = SGD(1.0, momentum=0.9)
    inner.build([weight])
    before = inner.variables
    LinearPrediction(inner).build([weight])
    assert all(a is b for a, b in zip(before, inner.variables, strict=True))


def test_variables_can_be_excluded_from_weight_decay():
    weights = [keras.Variable(np.ones((2,), "f4"), name=n) for n in "ab"]
    optimizer = LinearPrediction(SGD(0.1, weight_decay=0.5))
    optimizer.exclude_from_weight_decay(var_names=["a"])
    for _ in range(3):
        optimizer.apply([keras.ops.zeros((2,)) for _ in weights], weights)
    excluded, decayed = values(weights)
    assert (excluded == 1).all()
    # 0.95, 0.9025 and 0.857375, and half of the second update.
    np.testing.assert_allclose(decayed, 0.833625, rtol=1e-6)


def test_the_configuration_makes_an_equal_optimizer():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    optimizer = LinearPrediction(
        SGD(schedule, momentum=0.9, weight_decay=0.01), name="plp"
    )
    config = optimizer.get_config()
    again = LinearPrediction.from_config(config)
    assert config == optimizer.get_config()  # and is not used up
    assert again.get_config() == config
    assert again.name == "plp"
    serialised = keras.optimizers.serialize(optimizer)
    assert serialised["registered_name"] == "keras_amto>LinearPrediction"
    deserialised = keras.optimizers.deserialize(serialised)
    steps = gradients(7)
    np.testing.assert_array_equal(
        trajectory(deserialised, steps), trajectory(optimizer, steps)
    )


def test_names_of_optimizers_are_understood():
    assert isinstance(
        LinearPrediction("adam").inner_optimizer, keras.optimizers.Adam
    )


@pytest.mark.parametrize("bad", [None, 0.1, SGD], ids=["none", "rate", "class"])
def test_what_is_no_optimizer_is_refused(bad):
    with pytest.raises(TypeError, match="Received: optimizer=") as error:
        LinearPrediction(bad)
    assert "Expected: a keras.optimizers.Optimizer" in str(error.value)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="Received: optimizer='sdg'"):
        LinearPrediction("sdg")


def test_loss_scaling_inside_is_refused():
    with pytest.raises(ValueError, match=r"Expected: LossScaleOptimizer\(Lin"):
        LinearPrediction(scaled(SGD(0.1)))


def test_gradients_without_variables_are_refused_before_the_first_step():
    with pytest.raises(ValueError, match="Received: trainable_variables=None"):
        LinearPrediction("sgd").apply([np.float32(1)])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_phase_and_copy_travel_with_a_replica(engine, cut):
    """Cut anywhere and carried on in the other worker, nothing changes."""
    data, _ = read_data(*digits(100))
    model = mlp()
    factory = WorkerFactory(
        model,
        None,
        dict(
            optimizer=LinearPrediction(SGD(0.1, momentum=0.9)),
            loss="sparse_categorical_crossentropy",
            metrics=None,
            weighted_metrics=None,
        ),
    )
    placement = placement_under(None, 2, engine)
    made = make_engine(engine, factory, data.batch(np.arange(8)), placement)
    batches = TrainingBatches(np.arange(100), 8, 0, 0)
    state = made.initial_task_state(0, seed=0)

    def train(replicas, first, last):
        job = TrainingJob(0, replicas, state, batches.window(first, last))
        (trained,) = made.train([job], data, 0.1, lambda done: None)
        return trained.replicas

    fresh = made.initial_replica(model.get_weights())
    straight, _ = train((fresh, fresh), 0, 8)
    (cut_off, _) = train((fresh, fresh), 0, cut)
    # Meanwhile the first worker trains something of another phase.
    _, carried_on = train((fresh, cut_off), cut, 8)
    assert_all_equal(
        straight.weights + straight.optimizer,
        carried_on.weights + carried_on.optimizer,
    )


def test_only_the_learning_rate_stays_behind_at_a_transfer():
    optimizer = LinearPrediction(SGD(0.1, momentum=0.9))
    optimizer.build(mlp().trainable_variables)
    travelling = replica_optimizer_variables(optimizer)
    assert len(travelling) == len(optimizer.variables) - 1
    assert all(v is not optimizer.learning_rate for v in travelling)


def amto(engine, **settings):
    keras.utils.set_random_seed(1)
    model = keras_amto.AMTOModel(
        mlp(dropout=0.2), 3, transfer_interval=4, seed=5, engine=engine
    )
    compiled(
        model, optimizer=LinearPrediction(SGD(0.1, momentum=0.9)), **settings
    )
    x, y = digits(150)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    return model


def test_amto_trains_with_it(tmp_path):
    model = amto("auto")
    assert isinstance(model.best_model.optimizer, LinearPrediction)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, LinearPrediction)
    x, y = digits(150)
    assert model.history.history["loss"][-1] < model.history.history["loss"][0]
    again.fit(x, y, verbose=0)


@needs_tensorflow
@pytest.mark.parametrize("jit", [False, True], ids=["plain", "xla"])
def test_the_engines_of_amto_agree_on_it(jit):
    one, other = (
        amto(engine, jit_compile=jit) for engine in ("portable", "tensorflow")
    )
    assert any(record.accepted.any() for record in one.ledger)
    for a, b in zip(one.ledger, other.ledger, strict=True):
        assert np.array_equal(a.accepted, b.accepted)
        np.testing.assert_allclose(a.master_losses, b.master_losses, rtol=1e-4)
    for task in range(3):
        assert_all_equal(
            one.get_task_weights(task),
            other.get_task_weights(task),
            rtol=1e-4,
            atol=1e-5,
        )


_DISTRIBUTED = """
import contextlib, keras, numpy as np, tensorflow as tf
from keras_amto.optimizers import LinearPrediction

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

def train(scope, wrap):
    keras.utils.set_random_seed(1)
    with scope:
        model = keras.Sequential([
            keras.Input((5,)),
            keras.layers.Dense(3, "relu"),
            keras.layers.Dense(1),
        ])
        sgd = keras.optimizers.SGD(0.05, momentum=0.9)
        model.compile(wrap(LinearPrediction(sgd)), "mse")
    x = np.random.default_rng(0).normal(size=(80, 5))
    model.fit(x, x[:, :1], batch_size=8, shuffle=False, verbose=0)
    return model.get_weights() + [v.numpy() for v in model.optimizer.variables]

for wrap in (lambda plain: plain, keras.optimizers.LossScaleOptimizer):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    one = train(contextlib.nullcontext(), wrap)
    other = train(strategy.scope(), wrap)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
print("equal")
"""


@pytest.mark.slow
@needs_tensorflow
def test_replicas_of_a_strategy_train_as_one_device_does():
    # In a process of its own: devices are split before anything runs on them.
    process = subprocess.run(
        [sys.executable, "-c", _DISTRIBUTED],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.strip() == "equal", process.stderr[-2000:]
