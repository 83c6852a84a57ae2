"""`augment`: what training batches go through, and nothing else."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.engines.augmentation import Augmentation
from keras_amto.tasks import read_data
from tests.conftest import needs_fast_engine
from tests.conftest import needs_tensorflow
from tests.data import digit_images
from tests.tasks.sources import tf_dataset

pytestmark = needs_fast_engine

ENGINES = [keras.config.backend(), "portable"]


def network(*layers):
    return keras.Sequential([
        keras.Input((8, 8, 3)), *layers, keras.layers.Flatten(),
        keras.layers.Dense(10, "softmax"),
    ])  # fmt: skip


def fit(augment, rate=0.1, data=None, model=None, callbacks=(), **settings):
    keras.utils.set_random_seed(0)
    arguments = dict(num_tasks=2, transfer_interval=3, seed=0) | settings
    model = keras_amto.AMTOModel(
        model or network(), augment=augment, **arguments
    )
    model.compile(
        keras.optimizers.SGD(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    x, y = digit_images(60, 8) if data is None else (data, None)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0,
              callbacks=list(callbacks))  # fmt: skip
    return model


def losses(model, of="master_losses"):
    return np.array([getattr(record, of) for record in model.ledger])


def brighter(x):
    return x + 1


@keras.saving.register_keras_serializable(package="test")
def noisy(x, seed):
    return x + keras.random.normal(keras.ops.shape(x), seed=seed)


def flip():
    return keras.layers.RandomFlip("horizontal")


@pytest.mark.parametrize("engine", ENGINES)
def test_training_batches_are_augmented_and_validation_sets_are_not(engine):
    # Nothing is learned, so losses tell on what they were computed.
    plain = fit(None, rate=0.0, engine=engine)
    augmented = fit(brighter, rate=0.0, engine=engine)
    np.testing.assert_allclose(losses(augmented), losses(plain), rtol=1e-5)
    one, other = (
        model.history.history["loss"][0] for model in (plain, augmented)
    )
    assert abs(one - other) > 0.01


@pytest.mark.parametrize("augment", [flip, lambda: noisy])
def test_the_engines_draw_the_same(augment):
    one, other = (fit(augment(), engine=engine) for engine in ENGINES)
    plain = fit(None)
    np.testing.assert_allclose(losses(one), losses(other), atol=1e-5)
    assert np.abs(losses(one) - losses(plain)).max() > 1e-4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("augment", [flip, lambda: noisy])
def test_master_and_shadow_see_the_same_and_tasks_do_not(augment, engine):
    # With one starting network and no dropout, master and shadow are equal in
    # the first round exactly if their batches are.
    model = fit(augment(), engine=engine)
    first = model.ledger[0]
    np.testing.assert_array_equal(first.master_losses, first.shadow_losses)
    x, y = digit_images(60, 8)
    data, _ = read_data(x, y)
    session = model._carried
    one, other = session.run.task_states
    assert len(one.seeds) == 1
    assert not np.array_equal(np.array(one.seeds[0]), np.array(other.seeds[0]))
    augmentation = Augmentation(augment(), data.sample(4))
    drawn = []
    for state in (one, other, one):
        augmentation.seeds[0].assign(np.array(state.seeds[0]))
        drawn.append(np.array(augmentation(x[:32])))
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])


def _global_noise(x):
    import tensorflow as tf

    return x + tf.random.normal(tf.shape(x))


def _legacy_noise(x, seed):
    return x + np.random.normal(size=x.shape)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "augment",
    [
        pytest.param(_global_noise, marks=needs_tensorflow),
        _legacy_noise,
    ],
)
def test_draws_that_no_seed_decides_are_refused(augment, engine):
    """Else master and shadow would see different batches on two devices."""
    with pytest.raises(ValueError, match=r"no seed.*Received.*function of \(x"):
        fit(augment, engine=engine)


def test_a_layer_that_was_adapted_does_what_it_has_learned():
    x, y = digit_images(60, 8)
    data, _ = read_data(x, y)
    norm = keras.layers.Normalization()
    norm.adapt(x)
    for layer in (norm, keras.Sequential([keras.Input((8, 8, 3)), norm])):
        augmented = Augmentation(layer, data.sample(4))(x[:4])
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(augmented),
            keras.ops.convert_to_numpy(layer(x[:4])),
            rtol=1e-6,
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_that_draws_nothing_needs_no_seed(engine):
    first = fit(brighter, engine=engine).ledger[0]
    np.testing.assert_array_equal(first.master_losses, first.shadow_losses)


@needs_tensorflow
def test_draws_go_on_from_round_to_round():
    seen = []

    def watch(x, seed):
        import tensorflow as tf

        numbers = keras.random.uniform((1,), seed=seed)
        tf.py_function(lambda n: seen.append(float(n[0])), [numbers], [])
        return x

    # The first call builds; a task's steps then draw one number each.
    model = fit(watch, num_tasks=1)
    steps = model.ledger[-1].step
    assert len(set(seen[-steps:])) == steps


def test_the_draws_do_not_change_those_of_the_model():
    dropout = network(keras.layers.Dropout(0.3))
    plain = fit(None, model=dropout)
    same = fit(lambda x: x, model=network(keras.layers.Dropout(0.3)))
    assert plain._carried.run is not None
    np.testing.assert_allclose(losses(plain), losses(same), atol=1e-6)
    seeded = fit(noisy, model=network(keras.layers.Dropout(0.3)))
    for a, b in zip(
        plain._carried.run.task_states,
        seeded._carried.run.task_states,
        strict=True,
    ):
        np.testing.assert_array_equal(a.seeds[0], b.seeds[0])


def test_layers_inside_the_model_augment_training_batches_alone():
    flipping, still = network(flip()), network()
    flipping.set_weights(still.get_weights())
    model = fit(None, model=flipping, rate=0.0)
    plain = fit(None, model=still, rate=0.0)
    np.testing.assert_allclose(losses(model), losses(plain), rtol=1e-5)


def test_batches_of_bytes_on_disk_are_augmented():
    x, y = digit_images(60, 8)
    x = (x * 255).astype("uint8")
    rescaled = lambda: network(keras.layers.Rescaling(1 / 255))  # noqa: E731
    held = fit(flip(), data=tf_dataset(x, y), model=rescaled())
    on_disk = fit(
        flip(), data=tf_dataset(x, y), model=rescaled(), memory_limit=4000
    )
    np.testing.assert_allclose(losses(held), losses(on_disk), atol=1e-5)


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise KeyboardInterrupt


def test_a_backup_continues_the_draws(tmp_path):
    whole = fit(flip())
    backup = keras_amto.PopulationBackup(tmp_path, save_freq=2)
    with pytest.raises(KeyboardInterrupt):
        fit(flip(), callbacks=[backup, Interrupt()])
    with pytest.raises(ValueError, match="another `augment`"):
        fit(noisy, callbacks=[keras_amto.PopulationBackup(tmp_path, 2)])
    resumed = fit(
        flip(), callbacks=[keras_amto.PopulationBackup(tmp_path, save_freq=2)]
    )
    np.testing.assert_array_equal(losses(resumed), losses(whole))


@pytest.mark.parametrize("augment", [flip, lambda: noisy])
def test_it_is_saved_with_the_model(augment, tmp_path):
    model = fit(augment())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    saved = loaded._carried.augment
    assert saved is noisy or isinstance(saved, keras.layers.RandomFlip)


def test_a_function_that_is_not_registered_is_left_out(tmp_path):
    model = fit(brighter)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded._carried.augment is None


@pytest.mark.parametrize(
    ("augment", "error", "message"),
    [
        ("flip", TypeError, "augment='flip'"),
        (lambda x: (x, x), ValueError, "cannot be called on the data"),
        (keras.layers.RandomCrop, TypeError, "a layer's class"),
    ],
)
def test_unusable_augmentation_is_refused(augment, error, message):
    with pytest.raises(error, match=message) as raised:
        fit(augment)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)
