"""What `keras.Model` honours, one task of an `AMTOModel` honours.

Keras itself says what is right: a plain clone of the network that makes the
same steps by `train_on_batch`.
"""

import keras
import numpy as np
import pytest

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
    make_network, make_optimizer, engine, compile_args=None, fit_args=None
):
    """Trains a plain network and one task of an `AMTOModel`, and compares.

    Args:
        make_network: Function that returns a new network.
        make_optimizer: Function of the network that returns an optimizer.
        engine: That of the `AMTOModel`.
        compile_args: What else `compile` gets.
        fit_args: What else `fit` gets.
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
        np.testing.assert_allclose(ours, theirs, atol=1e-6 + 1e-4 * moved)
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
