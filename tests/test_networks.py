"""Every kind of network: wrapped, fitted, exported, reloaded, equal."""

import functools
import operator

import keras
import numpy as np
import pytest
from keras.src.applications import convnext
from keras.src.applications import densenet
from keras.src.applications import efficientnet
from keras.src.applications import resnet

import keras_amto
from keras_amto.engines import lookups
from keras_amto.engines.cloning import clone_network
from keras_amto.tasks import IndexedData
from tests.conftest import needs_tensorflow
from tests.data import digit_images
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = needs_tensorflow


def one_round(model, x, y, steps=2, **arguments):
    """Fits one round of two tasks."""
    amto = keras_amto.AMTOModel(
        model, num_tasks=2, transfer_interval=steps, validation_split=0.3
    )
    compiled(amto, **({"rate": 0.01} | arguments))
    amto.fit(x, y, batch_size=4, steps_per_epoch=steps, verbose=0)
    assert len(amto.ledger) == 1
    assert np.isfinite(amto.ledger[0].master_losses).all()
    assert np.isfinite(amto.ledger[0].shadow_losses).all()
    return amto


def assert_export_equals(amto, x, folder, tolerance=1e-5):
    import tensorflow as tf

    amto.export(folder, verbose=False)
    loaded = tf.saved_model.load(str(folder))
    served = loaded.serve(x)
    predicted = amto.predict(x, verbose=0)
    called = amto(x, training=False)
    for a, b in zip(
        keras.tree.flatten(called), keras.tree.flatten(predicted), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    for a, b in zip(
        keras.tree.flatten(served), keras.tree.flatten(predicted), strict=True
    ):
        np.testing.assert_allclose(
            np.asarray(a, "float32"),
            np.asarray(b, "float32"),
            rtol=tolerance,
            atol=tolerance,
        )
    prefix = str(folder / "variables" / "variables")
    stored = [
        shape
        for name, shape in tf.train.list_variables(prefix)
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]
    wrapped = [list(v.shape) for v in amto.best_model.variables]
    assert sorted(stored) == sorted(wrapped)


def assert_saved_equals(amto, x, path):
    amto.save(path)
    again = keras.models.load_model(path).predict(x, verbose=0)
    for a, b in zip(
        keras.tree.flatten(again),
        keras.tree.flatten(amto.predict(x, verbose=0)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def few_blocks(x):
    x = resnet.stack_residual_blocks_v2(x, 16, 2, name="conv2")
    return resnet.stack_residual_blocks_v2(x, 32, 2, stride1=1, name="conv3")


# One as it is; of the others, Keras' own builders make what differs between
# them with fewer repetitions, each of which would be traced.
OF_KERAS = {
    "MobileNetV2": keras.applications.MobileNetV2,
    "DenseNet": functools.partial(densenet.DenseNet, [2, 2, 2, 2]),
    "EfficientNet": functools.partial(efficientnet.EfficientNet, 0.5, 0.3, 32),
    "ResNetV2": functools.partial(resnet.ResNet, few_blocks, True, True),
    "ConvNeXt": functools.partial(
        convnext.ConvNeXt, [1, 1, 2, 1], [16, 32, 64, 128]
    ),
}


@pytest.mark.parametrize("name", OF_KERAS)
def test_the_networks_of_keras_applications(tmp_path, name):
    side = 32
    network = OF_KERAS[name](
        weights=None, input_shape=(side, side, 3), classes=10
    )
    x, y = digit_images(12, side)
    amto = one_round(network, x, y, steps=1)
    assert_export_equals(amto, x, tmp_path / "served")
    assert_saved_equals(amto, x, tmp_path / "m.keras")


class Subclassed(keras.Model):
    """A network whose layers Keras cannot see from outside."""

    def __init__(self, units, scale_function=None):
        super().__init__()
        self.hidden = keras.layers.Dense(units, "relu")
        self.norm = keras.layers.BatchNormalization()
        self.out = keras.layers.Dense(10, "softmax")
        self.scale_function = scale_function

    def call(self, inputs, training=False):
        return self.out(self.norm(self.hidden(inputs), training=training))


def test_a_subclassed_model_given_by_a_function(tmp_path):
    x, y = digits(40)
    amto = one_round(lambda: Subclassed(8), x, y)
    assert_export_equals(amto, x, tmp_path / "served")


@keras.saving.register_keras_serializable("tests")
class Scored(keras.Model):
    """A subclassed model with training steps of its own."""

    def __init__(self, units=8):
        super().__init__()
        self.units = units
        self.hidden = keras.layers.Dense(units, "relu")
        self.out = keras.layers.Dense(10, "softmax")
        self.extra = keras.metrics.Mean(name="extra")

    def call(self, inputs):
        return self.out(self.hidden(inputs))

    def train_step(self, data):
        logs = super().train_step(data)
        self.extra.update_state(2.0)
        return logs | {"extra": self.extra.result()}

    def get_config(self):
        return {"units": self.units}


def test_a_subclassed_model_with_a_train_step_of_its_own(tmp_path):
    x, y = digits(40)
    amto = one_round(Scored(), x, y)
    assert amto.history.history["extra"] == [2.0]
    assert_export_equals(amto, x, tmp_path / "served")
    assert_saved_equals(amto, x, tmp_path / "m.keras")


class Penalised(keras.layers.Layer):
    """A layer that adds a loss."""

    def call(self, inputs):
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


def test_two_inputs_and_two_outputs_by_name(tmp_path):
    a = keras.Input((32,), name="upper")
    b = keras.Input((32,), name="lower")
    joined = Penalised()(
        keras.layers.Dense(8, "relu")(keras.layers.Concatenate()([a, b]))
    )
    network = keras.Model(
        {"upper": a, "lower": b},
        {
            "digit": keras.layers.Dense(10, "softmax", name="digit")(joined),
            "odd": keras.layers.Dense(1, "sigmoid", name="odd")(joined),
        },
    )
    x, y = digits(40)
    x = {"upper": x[:, :32], "lower": x[:, 32:]}
    with pytest.warns(UserWarning, match="several accuracies"):
        amto = one_round(
            network,
            x,
            {"digit": y, "odd": y % 2},
            loss={
                "digit": "sparse_categorical_crossentropy",
                "odd": "binary_crossentropy",
            },
            metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
        )
    assert_export_equals(amto, x, tmp_path / "served")


def test_an_lstm_on_sequences(tmp_path):
    network = keras.Sequential(
        [
            keras.Input((8, 8)),
            keras.layers.LSTM(6, recurrent_dropout=0.2),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    x, y = digits(40)
    amto = one_round(network, x.reshape(-1, 8, 8), y)
    assert_export_equals(amto, x.reshape(-1, 8, 8), tmp_path / "served")


def test_a_regression_model_without_accuracy(tmp_path):
    network = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(8, "relu"),
         keras.layers.Dense(1)]
    )  # fmt: skip
    x, y = digits(40)
    with pytest.warns(UserWarning, match="no accuracy"):
        amto = one_round(
            network, x, y.astype("float32"), loss="mse", metrics=["mae"]
        )
    assert amto.finalists.criterion == "validation_loss"
    assert_export_equals(amto, x, tmp_path / "served")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    try:
        network = mlp(dropout=0.1)
    finally:
        keras.config.set_dtype_policy("float32")
    x, y = digits(40)
    amto = one_round(network, x, y)
    is_scaled = isinstance(amto.optimizer, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (policy == "mixed_float16")
    assert_export_equals(amto, x, tmp_path / "served", tolerance=1e-2)
    assert_saved_equals(amto, x, tmp_path / "m.keras")


def test_weights_of_bfloat16_are_trained():
    network = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(8, "relu", dtype="bfloat16"),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    before = [w.copy() for w in network.get_weights()]
    amto = one_round(network, *digits(40))
    assert any(
        (new != old).any()
        for new, old in zip(amto.get_weights(), before, strict=True)
    )


def test_augmentation_inside_the_model_and_images_of_bytes(tmp_path):
    network = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.RandomFlip("horizontal"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    x, y = digit_images(40, 16)
    x = (255 * x).astype("uint8")
    amto = one_round(network, x, y)
    assert_export_equals(amto, x.astype("float32"), tmp_path / "served")


def test_a_model_that_is_not_built_is_built_from_the_data(tmp_path):
    network = keras.Sequential(
        [keras.layers.Dense(8, "relu"), keras.layers.Dense(10, "softmax")]
    )
    x, y = digits(40)
    amto = one_round(network, x, y)
    assert amto.best_model is network
    assert_export_equals(amto, x, tmp_path / "served")


class Distiller(keras.Model):
    """Compiles with arguments of its own, as one of Keras' guides does."""

    def compile(self, optimizer, student_loss, **kwargs):
        super().compile(optimizer, **kwargs)


def test_a_network_that_compiles_otherwise_is_refused_and_nothing_changes():
    inputs = keras.Input((64,))
    network = Distiller(inputs, keras.layers.Dense(10)(inputs))
    amto = keras_amto.AMTOModel(network, 2, 3, seed=0)
    with pytest.raises(ValueError, match=r"a `compile` of its own.*Received"):
        compiled(amto)
    assert not amto.compiled


class Denoiser(keras.Model):
    """Learns its inputs: it makes its targets itself."""

    def train_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step((x, x))

    def test_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().test_step((x, x))


def test_metrics_are_those_of_the_targets_that_a_step_makes():
    inputs = keras.Input((64,))
    network = Denoiser(inputs, keras.layers.Dense(64)(inputs))
    x, _ = digits(40)
    amto = keras_amto.AMTOModel(network, 2, 3, seed=0)
    amto.compile("sgd", "mse", metrics=["mae"])
    with pytest.warns(UserWarning, match="no accuracy"):
        amto.fit(x, batch_size=8, verbose=0)
    assert len(network.evaluate(x, verbose=0)) == 2


@keras.saving.register_keras_serializable("tests")
class Block(keras.layers.Layer):
    """A layer that holds one, as those of ConvNeXt and of transformers do."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.BatchNormalization()

    def call(self, inputs, training=False):
        return self.norm(inputs, training=training)


def with_block():
    return keras.Sequential(
        [keras.Input((64,)), Block(), keras.layers.Dense(10, "softmax")]
    )


def test_a_layer_that_is_frozen_in_a_layer_stays_frozen():
    network = with_block()
    network.layers[0].norm.trainable = False
    amto = one_round(network, *digits(40))
    (mean,) = (
        v for v in amto.best_model.weights if v.path.endswith("moving_mean")
    )
    np.testing.assert_array_equal(mean, np.zeros(64))


def test_variables_are_regularised_as_they_are_now():
    network = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(8),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    first, second = network.layers
    first.kernel.regularizer = keras.regularizers.L2(0.1)
    second.kernel_regularizer = keras.regularizers.L2(0.1)  # without effect
    second.kernel.constraint = keras.constraints.NonNeg()
    second.kernel.assign(keras.ops.absolute(second.kernel))
    x, y = digits(40)
    clone = clone_network(network, None, IndexedData(x, y))
    np.testing.assert_allclose(sum(clone.losses), sum(network.losses))
    assert len(clone.losses) == 1
    amto = one_round(network, x, y)
    kernel = amto.best_model.layers[1].kernel
    assert np.min(keras.ops.convert_to_numpy(kernel)) >= 0


class Wanders(keras.layers.Layer):
    """Draws and counts by TensorFlow alone, where Keras sees nothing."""

    def __init__(self, how, **kwargs):
        super().__init__(**kwargs)
        self.how = how

    def call(self, inputs):
        return inputs + self.how(keras.ops.shape(inputs))


def drawn_by_tensorflow():
    import tensorflow as tf

    return tf.random.normal


def drawn_without_a_seed():
    return keras.random.normal


def counted():
    import tensorflow as tf

    calls = tf.Variable(0.0)
    return lambda shape: calls.assign_add(1.0)


def read_only():
    import tensorflow as tf

    scale = tf.Variable(1.0)
    return lambda shape: scale


@pytest.mark.parametrize(
    ("make", "warns"),
    [
        (drawn_by_tensorflow, True),
        (drawn_without_a_seed, True),
        (counted, True),
        (read_only, False),
    ],
)
def test_numbers_that_are_not_the_runs_are_a_warning(make, warns):
    how = make()

    def network():
        return keras.Sequential(
            [keras.Input((64,)), Wanders(how), keras.layers.Dense(10)]
        )

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x, y = digits(40)
    if not warns:
        one_round(network, x, y, loss=loss)
        return
    with pytest.warns(UserWarning, match=r"not its own.*operations \['"):
        one_round(network, x, y, loss=loss)


class BuiltInName(keras.Model):
    """Has no `build` of its own: Keras' builds the model, not its layers."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(10, "softmax")
        self.calls = self.add_weight(
            shape=(), initializer="zeros", trainable=False
        )

    def call(self, inputs):
        self.calls.assign_add(1)
        return self.dense(inputs)


def test_a_model_whose_layers_are_not_built_is_built_from_the_data():
    network = BuiltInName()
    with pytest.warns(UserWarning, match="marked as built"):
        network.build((None, 64))
    assert not network.dense.built
    x, y = digits(40)
    counts = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: counts.append(
            int(network.calls.numpy())
        )
    )
    amto = compiled(keras_amto.AMTOModel(network, num_tasks=2, seed=0))
    amto.fit(x, y, batch_size=16, verbose=0, callbacks=[count])
    assert counts == [1, 2, 3]  # neither building nor evaluating counts


def test_a_model_without_trainable_weights_is_a_warning_as_in_keras():
    network = mlp()
    network.trainable = False
    x, y = digits(40)
    with pytest.warns(UserWarning, match="any trainable weights"):
        amto = one_round(network, x, y)
    assert len(amto.ledger) == 1


def test_a_loss_and_an_optimizer_that_are_not_registered():
    class Optimizer(keras.optimizers.SGD):
        pass

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.01

    def loss(y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    class Hits(keras.metrics.SparseCategoricalAccuracy):
        pass

    x, y = digits(40)
    amto = one_round(
        mlp(),
        x,
        y,
        optimizer=Optimizer(0.1, momentum=0.9),
        loss=loss,
        metrics=[Hits(name="accuracy")],
    )
    assert amto.finalists.metric == "accuracy"
    assert amto.optimizer.iterations.numpy() == 2


def test_a_metric_whose_constructor_fixes_what_its_configuration_says():
    class Hits(keras.metrics.SparseCategoricalAccuracy):
        def __init__(self):
            super().__init__(name="accuracy")

    x, y = digits(40)
    amto = one_round(mlp(), x, y, metrics=[Hits()])
    assert amto.finalists.metric == "accuracy"


def test_a_frozen_base_stays_frozen_in_every_task():
    base = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
        ],
        name="base",
    )
    base.trainable = False
    inputs = keras.Input((64,))
    network = keras.Model(
        inputs, keras.layers.Dense(10, "softmax")(base(inputs))
    )
    before = base.get_weights()
    x, y = digits(40)
    one_round(network, x, y)
    for a, b in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    head = network.layers[-1].get_weights()[0]
    assert np.abs(head).max() > 0


def frozen_base():
    base = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(8, "relu")], name="base"
    )
    base.trainable = False
    return keras.Sequential(
        [keras.Input((64,)), base, keras.layers.Dense(10, "softmax")]
    )


def test_what_a_function_freezes_can_be_unfrozen():
    x, y = digits(40)
    amto = one_round(frozen_base, x, y)
    before = amto.best_model.layers[0].get_weights()[0]
    amto.best_model.layers[0].trainable = True
    compiled(amto, rate=0.1)
    amto.fit(x, y, batch_size=4, verbose=0)
    after = amto.best_model.layers[0].get_weights()[0]
    assert np.abs(after - before).max() > 1e-4


@pytest.mark.parametrize("engine", ["portable", "tensorflow"])
def test_an_adapted_normalisation_is_that_of_every_task(engine):
    x, y = digits(60)
    x = 100 * x + 50
    norm = keras.layers.Normalization()
    norm.adapt(x)
    network = keras.Sequential(
        [keras.Input((64,)), norm, keras.layers.Dense(10, "softmax")]
    )
    amto = keras_amto.AMTOModel(network, 2, 4, seed=0, engine=engine)
    compiled(amto, rate=0.0)
    expected = network.predict(x, verbose=0)
    amto.fit(x, y, batch_size=8, verbose=0)
    held = amto.tasks[0].validation_indices
    loss = -np.log(expected[held, y[held]]).mean()
    assert amto.ledger[0].master_losses[0] == pytest.approx(loss, rel=1e-3)


WORDS = np.array(["dark", "light", "grey", "light grey"] * 15, dtype=object)


def adapted(kind, data, **arguments):
    layer = kind(**arguments)
    layer.adapt(data)
    return layer


def text_network(nested=False):
    """A classifier of texts, with all three tables of Keras' layers."""
    text = keras.Input((), dtype="string", name="text")
    number = keras.Input((1,), dtype="int64", name="number")
    tokens = adapted(
        keras.layers.TextVectorization, WORDS, output_sequence_length=3
    )
    word = adapted(
        keras.layers.StringLookup, WORDS[:, None], output_mode="one_hot"
    )
    digit = adapted(
        keras.layers.IntegerLookup,
        np.arange(10)[:, None],
        output_mode="one_hot",
    )
    features = [
        keras.layers.Flatten()(keras.layers.Embedding(9, 4)(tokens(text))),
        word(keras.layers.Reshape((1,))(text)),
        digit(number),
    ]
    inputs = {"text": text, "number": number}
    joined = keras.layers.Concatenate()(features)
    if nested:
        encoder = keras.Model(inputs, joined, name="encoder")
        joined = encoder(inputs)
    return keras.Model(inputs, keras.layers.Dense(4, "softmax")(joined))


@pytest.mark.parametrize(
    ("engine", "nested"), [("portable", True), ("tensorflow", False)]
)
def test_adapted_tables_are_shared_saved_and_exported(engine, nested, tmp_path):
    import tensorflow as tf

    network = text_network(nested)
    x = {"text": WORDS, "number": np.arange(60)[:, None] % 10}
    y = np.arange(60) % 4
    amto = compiled(keras_amto.AMTOModel(network, 2, 4, seed=0, engine=engine))
    amto.fit(x, y, batch_size=8, epochs=5, verbose=0)
    assert amto.evaluate(x, y, verbose=0)[1] > 0.7
    worker = amto._carried.engine._worker
    own = lookups(network)
    assert len(own) == 3
    assert all(map(operator.is_, lookups(worker.model), own))

    tensors = {name: tf.constant(leaf) for name, leaf in x.items()}
    expected = amto.predict(tensors, verbose=0)
    amto.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(
        again.predict(tensors, verbose=0), expected, atol=1e-6
    )
    again.fit(x, y, batch_size=8, verbose=0)
    amto.best_model.save(tmp_path / "best.keras")
    best = keras.models.load_model(tmp_path / "best.keras")
    np.testing.assert_allclose(
        best.predict(tensors, verbose=0), expected, atol=1e-6
    )
    amto.export(tmp_path / "served", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(loaded.serve(tensors), expected, atol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class Classifier(keras.Model):
    """A functional model whose class has a configuration of its own."""

    def __init__(self, units, **kwargs):
        inputs = keras.Input((64,))
        hidden = keras.layers.Dense(units, "relu")(inputs)
        outputs = keras.layers.Dense(10, "softmax")(hidden)
        super().__init__(inputs, outputs, **kwargs)
        self.units = units

    def get_config(self):
        return {"units": self.units, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_a_functional_model_with_a_class_of_its_own(tmp_path):
    x, y = digits(40)
    amto = one_round(Classifier(8), x, y)
    assert type(amto.best_model) is Classifier
    assert_saved_equals(amto, x, tmp_path / "model.keras")
    assert_export_equals(amto, x, tmp_path / "served")


class TextModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.tokens = keras.layers.TextVectorization(output_sequence_length=3)
        self.embedding = keras.layers.Embedding(9, 4)
        self.pool = keras.layers.GlobalAveragePooling1D()
        self.out = keras.layers.Dense(4, "softmax")

    def call(self, x):
        return self.out(self.pool(self.embedding(self.tokens(x))))


def test_the_table_of_a_subclassed_model_is_copied():
    network = TextModel()
    network.tokens.adapt(WORDS)
    amto = compiled(keras_amto.AMTOModel(network, 2, 4, seed=0))
    y = np.arange(60) % 4
    amto.fit(WORDS, y, batch_size=8, epochs=10, verbose=0)
    assert amto.evaluate(WORDS, y, verbose=0)[1] > 0.7


def test_a_loaded_subclassed_model_exports_each_variable_once(tmp_path):
    x, y = digits(40)
    amto = one_round(Scored(), x, y)
    amto.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert_export_equals(again, x, tmp_path / "served")


def test_an_export_with_more_arguments_holds_each_variable_once(tmp_path):
    import tensorflow as tf

    x, y = digits(40)
    amto = one_round(mlp(), x, y)
    amto.export(
        tmp_path / "served",
        verbose=False,
        input_signature=[keras.InputSpec("float32", (None, 64))],
    )
    prefix = str(tmp_path / "served" / "variables" / "variables")
    names = [name for name, _ in tf.train.list_variables(prefix)]
    assert len(names) - 1 == len(amto.best_model.variables)


class Unpacking(keras.Model):
    """Its step takes apart what Keras packs, and no more."""

    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(10, "softmax")

    def call(self, x):
        return self.head(x)

    def test_step(self, data):
        x, y = data
        predicted = self(x, training=False)
        self._loss_tracker.update_state(self.compute_loss(x, y, predicted))
        return self.compute_metrics(x, y, predicted)


def test_a_custom_step_gets_data_packed_as_by_keras():
    model = compiled(keras_amto.AMTOModel(lambda: Unpacking(), 2, 4, seed=0))
    x, y = digits(60)
    model.fit(x, y, batch_size=16, verbose=0)
    assert len(model.ledger) == 1
