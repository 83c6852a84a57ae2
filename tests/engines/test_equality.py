"""The portable engine is the oracle: every other engine must equal it."""

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

pytestmark = needs_fast_engine

BACKEND = keras.config.backend()
# What has to equal the portable engine: arguments of `AMTOModel`.
FAST = (
    [{"engine": "jax", "vectorize": each} for each in (False, True)]
    if BACKEND == "jax"
    else [{"engine": BACKEND}]
)
fast = pytest.mark.parametrize(
    "fast", FAST, ids=lambda each: "-".join(map(str, each.values()))
)

# Both engines run the same kernels in other orders of evaluation: equal to a
# few units in the last place of float32, over some tens of steps.
TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def train(make_model, *, compile_args=None, fit_args=None, **settings):
    keras.utils.set_random_seed(1)
    model = keras_amto.AMTOModel(
        make_model(),
        **(dict(num_tasks=3, transfer_interval=4, seed=5) | settings),
    )
    compiled(model, **(compile_args() if compile_args else {}))
    x, y = digits(150)
    model.fit(
        x,
        y,
        **(dict(batch_size=16, epochs=2, verbose=0) | (fit_args or {})),
    )
    return model


def assert_equal_runs(one, other):
    assert len(one.ledger) == len(other.ledger) > 1
    for a, b in zip(one.ledger, other.ledger, strict=True):
        assert np.array_equal(a.donors, b.donors)
        assert np.array_equal(a.accepted, b.accepted)
        assert np.array_equal(a.wait, b.wait)
        np.testing.assert_allclose(
            a.master_losses, b.master_losses, **TOLERANCE
        )
        np.testing.assert_allclose(
            a.shadow_losses, b.shadow_losses, **TOLERANCE
        )
        np.testing.assert_allclose(
            a.relationships, b.relationships, **TOLERANCE
        )
    for task in range(3):
        for a, b in zip(
            one.get_task_weights(task),
            other.get_task_weights(task),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, **TOLERANCE)
    assert one.best_task == other.best_task
    for name, values in one.history.history.items():
        if name in ("digit_loss", "parity_loss"):
            # Keras weighs a batch in an output's training loss by its size
            # where that is known while tracing, as it is in one engine only.
            continue
        np.testing.assert_allclose(
            values, other.history.history[name], **TOLERANCE
        )


def assert_equals_the_oracle(fast, *args, **kwargs):
    assert_equal_runs(
        train(*args, **kwargs, engine="portable"),
        train(*args, **kwargs, **fast),
    )


def two_outputs():
    return dict(
        loss=["sparse_categorical_crossentropy", "binary_crossentropy"],
        loss_weights=[1.0, 0.3],
        metrics=[["accuracy"], ["accuracy"]],
    )


@fast
def test_the_engines_agree_on_all_that_keeps_state(fast):
    def run(**settings):
        x, y = digits(150)
        keras.utils.set_random_seed(1)
        model = keras_amto.AMTOModel(
            everything(), 3, transfer_interval=4, seed=5, **settings
        )
        compiled(model, **two_outputs())
        with pytest.warns(UserWarning, match="several accuracies"):
            model.fit(x, [y, y % 2], batch_size=16, epochs=2, verbose=0)
        return model

    one, other = run(engine="portable"), run(**fast)
    assert any(record.accepted.any() for record in one.ledger)
    assert not all(record.accepted.all() for record in one.ledger)
    assert_equal_runs(one, other)


@fast
@pytest.mark.parametrize(
    "compile_args",
    [
        lambda: {"optimizer": keras.optimizers.Adam(0.01, use_ema=True)},
        lambda: {
            "optimizer": keras.optimizers.SGD(
                keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
            )
        },
        lambda: {
            "optimizer": keras.optimizers.SGD(
                0.1, gradient_accumulation_steps=3
            )
        },
        lambda: {"weighted_metrics": ["accuracy"], "metrics": None},
        lambda: {
            "optimizer": keras_amto.optimizers.LinearPrediction(
                keras.optimizers.SGD(0.1, momentum=0.9)
            )
        },
    ],
    ids=["adam-ema", "schedule", "accumulation", "weighted", "prediction"],
)
def test_the_engines_agree_on_optimizers(fast, compile_args):
    assert_equals_the_oracle(
        fast, lambda: mlp(dropout=0.2), compile_args=compile_args
    )


@fast
@pytest.mark.parametrize(
    "fit_args",
    [
        dict(sample_weight=np.linspace(0.1, 2, 150)),
        dict(class_weight={0: 3.0, 7: 0.1}),
        dict(shuffle=False, steps_per_epoch=3, epochs=3),
        dict(validation_freq=2),
        dict(batch_size=200, epochs=5),
    ],
    ids=["sample-weight", "class-weight", "in-order", "freq", "one-batch"],
)
def test_the_engines_agree_on_ways_to_fit(fast, fit_args):
    assert_equals_the_oracle(fast, mlp, fit_args=fit_args)


def mixed() -> keras.Model:
    """A network that computes in half precision, whose losses are scaled."""
    half = keras.DTypePolicy("mixed_float16")
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(16, "relu", dtype=half),
            keras.layers.Dense(10, "softmax", dtype="float32"),
        ]
    )


@keras.saving.register_keras_serializable(package="tests")
class OwnSteps(keras.Model):
    """Has a loss of its own, and trains on inputs that it has changed."""

    def __init__(self, brightness=0.5, **kwargs):
        super().__init__(**kwargs)
        self.brightness = brightness
        self.dense = keras.layers.Dense(10, "softmax")

    def get_config(self):
        return super().get_config() | {"brightness": self.brightness}

    def call(self, inputs, training=False):
        return self.dense(inputs)

    def compute_loss(self, *args, **kwargs):
        self.add_loss(0.01 * keras.ops.sum(self.dense.kernel**2))
        return super().compute_loss(*args, **kwargs)

    def train_step(self, *args):
        *state, batch = args  # on JAX the state comes first
        x, *others = keras.utils.unpack_x_y_sample_weight(batch)
        return super().train_step(*state, (self.brightness * x, *others))


@keras.saving.register_keras_serializable(package="tests")
class AllResults(OwnSteps):
    """Reports compiled metrics under one name, as Keras' guides do."""

    def train_step(self, *args):
        return nested(super().train_step(*args))

    def test_step(self, *args):
        return nested(super().test_step(*args))


def nested(returned):
    """What a step returns, all logs but the loss in one."""
    logs, *state = returned if isinstance(returned, tuple) else (returned,)
    others = {k: v for k, v in logs.items() if k != "loss"}
    logs = {"loss": logs["loss"], "compile_metrics": others}
    return (logs, *state) if state else logs


@fast
@pytest.mark.parametrize("make", [mixed, OwnSteps, AllResults])
def test_the_engines_agree_on_networks_with_steps_of_their_own(fast, make):
    assert_equals_the_oracle(fast, make)


def test_a_step_of_ones_own_is_the_one_that_trains():
    one, other = (
        train(lambda b=brightness: OwnSteps(b), **FAST[0])
        for brightness in (0.5, 1.0)
    )
    with pytest.raises(AssertionError):
        assert_equal_runs(one, other)


@needs_tensorflow  # on JAX everything is compiled by it
def test_the_engines_agree_under_xla():
    assert_equals_the_oracle(
        FAST[0],
        lambda: mlp(dropout=0.2),
        compile_args=lambda: {"jit_compile": True},
    )


def test_a_different_run_is_noticed():
    one = train(mlp, **FAST[0])
    other = train(
        mlp,
        **FAST[0],
        compile_args=lambda: {"steps_per_execution": 1},
        fit_args=dict(sample_weight=np.linspace(0.9, 1.1, 150)),
    )
    with pytest.raises(AssertionError):
        assert_equal_runs(one, other)


@pytest.mark.parametrize("settings", [{"engine": "portable"}, *FAST], ids=str)
def test_master_and_shadow_are_a_paired_trial(settings):
    """From the same weights, both train to the same weights: same batches,
    same dropout masks."""
    from keras_amto.distribution import placement_under
    from keras_amto.engines import TrainingJob
    from keras_amto.engines import WorkerFactory
    from keras_amto.engines import make_engine
    from keras_amto.tasks import TrainingBatches
    from keras_amto.tasks import read_data

    data, _ = read_data(*digits(100))
    model = mlp(dropout=0.5)
    factory = WorkerFactory(
        model,
        None,
        dict(
            optimizer=keras.optimizers.Adam(),
            loss="sparse_categorical_crossentropy",
            metrics=None,
            weighted_metrics=None,
        ),
    )
    made = make_engine(
        settings["engine"],
        factory,
        data.batch(np.arange(8)),
        placement_under(None, 2, settings["engine"]),
        settings.get("vectorize", "auto"),
    )
    replica = made.initial_replica(model.get_weights())
    outcomes = []
    for task in (0, 1):
        job = TrainingJob(
            task,
            (replica, replica),
            made.initial_task_state(task, seed=0),
            TrainingBatches(np.arange(100), 8, 0, 0).window(0, 9),
        )
        (trained,) = made.train([job], data, 0.01, lambda done: None)
        master, shadow = trained.replicas
        for a, b in zip(
            master.weights + master.optimizer,
            shadow.weights + shadow.optimizer,
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        outcomes.append(master.weights[0])
    # Another task draws other masks.
    assert np.abs(outcomes[0] - outcomes[1]).max() > 1e-4
    # And nothing changed the replica that both started from.
    for a, b in zip(replica.weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
