"""What `keras.Model` honours, one task of an `AMTOModel` honours.

Keras itself says what is right: a plain clone of the network that makes the
same steps by `train_on_batch`.
"""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_amto
from keras_amto.tasks import TrainingBatches
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import mlp

pytestmark = needs_tensorflow

x, y = digits(60)
BATCH, EPOCHS = 16, 2
ENGINES = pytest.mark.parametrize("engine", ["portable", "tensorflow"])


def plain_steps(network, model, fit_args):
    """Trains a compiled network on the batches of an `AMTOModel`'s task 0."""
    batches = TrainingBatches(model.tasks[0].train_indices, BATCH, 0, seed=0)
    weights = fit_args.get("sample_weight")
    for step in range(EPOCHS * batches.steps_per_pass):
        rows = batches.window(step, step + 1).order
        network.train_on_batch(
            x[rows],
            y[rows],
            sample_weight=None if weights is None else weights[rows],
            class_weight=fit_args.get("class_weight"),
        )
    network.optimizer.finalize_variable_values(network.trainable_variables)


def assert_equal_to_keras(
    make_network,
    make_optimizer,
    engine,
    compile_args=None,
    fit_args=None,
    tolerance=1e-4,
):
    """Trains a plain network and one task of an `AMTOModel`, and compares.

    Args:
        make_network: Function that returns a new network.
        make_optimizer: Function of the network that returns an optimizer.
        engine: That of the `AMTOModel`.
        compile_args: What else `compile` gets.
        fit_args: What else `fit` gets.
        tolerance: Float, how far a weight may be off, as a share of how far
            it has moved; a slot of the optimizer, as one of how large it is.
    """
    compile_args = {"loss": "sparse_categorical_crossentropy"} | (
        compile_args or {}
    )
    wrapped, plain = make_network(), make_network()
    plain.set_weights(wrapped.get_weights())
    before = wrapped.get_weights()
    model = keras_amto.AMTOModel(
        wrapped, num_tasks=1, transfer_interval=3, seed=0, engine=engine
    )
    model.compile(make_optimizer(wrapped), **compile_args)
    with pytest.warns(UserWarning, match="no accuracy"):
        model.fit(
            x,
            y,
            batch_size=BATCH,
            epochs=EPOCHS,
            verbose=0,
            callbacks=[
                keras_amto.AMTOCallback(
                    patience=None, restore_best_weights=False
                )
            ],
            **(fit_args or {}),
        )
    plain.compile(make_optimizer(plain), **compile_args)
    plain_steps(plain, model, fit_args or {})
    for start, ours, theirs in zip(
        before, model.get_weights(), plain.get_weights(), strict=True
    ):
        # Relative to how far a weight has moved.
        moved = float(np.abs(theirs - start).max())
        np.testing.assert_allclose(ours, theirs, atol=1e-6 + tolerance * moved)
    for ours, theirs in zip(
        model.optimizer.variables, plain.optimizer.variables, strict=True
    ):
        largest = float(np.abs(theirs.numpy()).max())
        np.testing.assert_allclose(
            ours.numpy(), theirs.numpy(), atol=1e-7 + tolerance * largest
        )
    return model


def decaying(**excluded):
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=10.0)
    optimizer.exclude_from_weight_decay(**excluded)
    return optimizer


def ones_for_biases():
    network = mlp()
    for layer in network.layers:
        layer.bias.assign(np.ones(layer.bias.shape))
    return network


@ENGINES
@pytest.mark.parametrize(
    "excluded",
    [
        lambda network: dict(var_names=["bias"]),
        lambda network: dict(var_list=[network.layers[0].kernel]),
    ],
    ids=["names", "variables"],
)
def test_weights_excluded_from_decay_do_not_decay(engine, excluded):
    assert_equal_to_keras(
        ones_for_biases, lambda network: decaying(**excluded(network)), engine
    )


def test_exclusions_reach_wrapped_optimizers_of_functions_networks():
    assert_equal_to_keras(
        ones_for_biases,
        lambda network: keras_amto.optimizers.LinearPrediction(
            decaying(var_list=[network.layers[1].bias])
        ),
        "tensorflow",
    )


def test_keras_still_says_which_weights_decay():
    """The one private name of Keras that exclusions are asked by."""
    network = mlp()
    optimizer = decaying(var_names=["bias"])
    assert [
        optimizer._use_weight_decay(v) for v in network.trainable_variables
    ] == [True, False, True, False]


@ENGINES
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_variable_frozen_by_itself_stays(engine, optimizer):
    def frozen():
        network = mlp()
        network.layers[0].kernel.trainable = False
        return network

    model = assert_equal_to_keras(
        frozen, lambda network: keras.optimizers.get(optimizer), engine
    )
    assert not model.best_model.layers[0].kernel.trainable


def test_layers_frozen_between_compile_and_fit_stay():
    """Keras decides what is trained at the first step, not in `compile`."""
    network = mlp()
    model = keras_amto.AMTOModel(network, num_tasks=2, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
    network.layers[0].trainable = False
    kernel = network.layers[0].kernel.numpy()
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(network.layers[0].kernel, kernel)


def one_of(*values):
    return st.sampled_from(values)


# Every optimizer of Keras whose steps are continuous in the gradients: after
# Lion's sign two engines that round otherwise would go apart.
OPTIMIZERS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("SGD"),
            "learning_rate": one_of(0.05, "schedule"),
            "momentum": one_of(0.0, 0.9),
            "nesterov": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": one_of(
                "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad",
                "Adadelta", "Ftrl", "Lamb", "Adafactor",
            ),
            "learning_rate": one_of(0.003, "schedule"),
        }
    ),
)  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "weight_decay": one_of(0.1, 5.0),
        "clip": one_of("clipnorm", "global_clipnorm", "clipvalue"),
        "ema": one_of(None, 2),
        "gradient_accumulation_steps": one_of(2, 3),
        "loss_scale_factor": st.just(8.0),
        "linear_prediction": st.just(True),
        "excluded": one_of(["bias"], ["kernel"], [0], [1, 2]),
    },
)
NETWORKS = st.fixed_dictionaries(
    {
        "policy": one_of(
            "float32", "float32", "mixed_bfloat16", "mixed_float16"
        ),
        "batch_normalization": st.booleans(),
        "regularizer": one_of(None, "l1", "l2"),
        "constraint": one_of(None, "non_neg", "max_norm", "unit_norm"),
        "frozen_layer": one_of(None, None, 0, -1),
        "frozen_variable": one_of(None, None, 0, 1, -1),
    }
)
WEIGHTS = one_of(None, "class_weight", "sample_weight")


def optimizer_of(network, optimizer, options):
    """Makes the optimizer of an example for a network."""
    arguments = dict(optimizer)
    kind = getattr(keras.optimizers, arguments.pop("kind"))
    if arguments["learning_rate"] == "schedule":
        arguments["learning_rate"] = (
            keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)
        )
    if "clip" in options:
        arguments[options["clip"]] = 0.01
    if "ema" in options:
        arguments["use_ema"] = True
        arguments["ema_momentum"] = 0.8
        arguments["ema_overwrite_frequency"] = options["ema"]
    for name in (
        "weight_decay", "gradient_accumulation_steps", "loss_scale_factor"
    ):  # fmt: skip
        if name in options:
            arguments[name] = options[name]
    made = kind(**arguments)
    excluded = options.get("excluded")
    if excluded and isinstance(excluded[0], str):
        made.exclude_from_weight_decay(var_names=excluded)
    elif excluded:
        variables = network.weights
        made.exclude_from_weight_decay(
            var_list=[variables[index] for index in excluded]
        )
    if "linear_prediction" in options:
        made = keras_amto.optimizers.LinearPrediction(made)
    return made


def network_of(example):
    """Makes the network of an example."""
    dense = dict(
        kernel_regularizer=example["regularizer"],
        kernel_constraint=example["constraint"],
        dtype=example["policy"],
    )
    layers = [keras.Input((64,)), keras.layers.Dense(12, **dense)]
    if example["batch_normalization"]:
        layers.append(keras.layers.BatchNormalization(dtype=example["policy"]))
    layers.append(keras.layers.Activation("tanh", dtype=example["policy"]))
    layers.append(keras.layers.Dense(10, **dense))
    layers.append(keras.layers.Softmax(dtype="float32"))
    network = keras.Sequential(layers)
    dense_layers = [network.layers[0], network.layers[-2]]
    if example["frozen_layer"] is not None:
        dense_layers[example["frozen_layer"]].trainable = False
    if example["frozen_variable"] is not None:
        network.weights[example["frozen_variable"]].trainable = False
    return network


@settings(max_examples=40)
@given(OPTIMIZERS, OPTIONS, NETWORKS, WEIGHTS, one_of("portable", "tensorflow"))
def test_one_task_equals_train_on_batch(
    optimizer, options, network, weights, engine
):
    fit_args = {
        None: {},
        "class_weight": {"class_weight": {0: 3.0, 4: 0.0, 7: 0.5}},
        "sample_weight": {
            "sample_weight": np.linspace(0, 2, len(x)).astype("float32")
        },
    }[weights]
    assert_equal_to_keras(
        lambda: network_of(network),
        lambda made: optimizer_of(made, optimizer, options),
        engine,
        # As users do who mix precision layer by layer.
        compile_args={"auto_scale_loss": True},
        fit_args=fit_args,
        tolerance=1e-4 if network["policy"] == "float32" else 2e-2,
    )
