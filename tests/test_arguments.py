"""What bad input gets: a clear error, and a model that is still usable."""

import keras
import numpy as np
import pytest

import keras_amto
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

x, y = digits(60)


class Unclonable(keras.Model):
    """Its configuration does not say how it was made."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.out = keras.layers.Dense(10, "softmax")

    def call(self, inputs):
        return self.out(self.function(inputs))


def assert_helpful(raised):
    text = str(raised.value)
    assert "Received" in text
    assert "Expected" in text


@needs_tensorflow
def test_a_model_that_was_not_compiled_is_refused():
    with pytest.raises(ValueError, match="not compiled") as raised:
        keras_amto.AMTOModel(mlp()).fit(x, y)
    assert_helpful(raised)


def models():
    return [
        (Unclonable(lambda inputs: inputs), "cannot be cloned|faithfully"),
        (
            keras.Sequential(
                [keras.layers.Conv2D(2, 3), keras.layers.Dense(10)]
            ),
            "cannot be built from the data",
        ),
    ]


@needs_tensorflow
@pytest.mark.parametrize("index", range(2))
def test_a_model_that_cannot_be_used_is_refused(index):
    network, message = models()[index]
    model = compiled(keras_amto.AMTOModel(network, 2, seed=0))
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(x, y, verbose=0)
    assert_helpful(raised)


@needs_tensorflow
def test_an_unclonable_model_works_as_a_function():
    model = compiled(
        keras_amto.AMTOModel(lambda: Unclonable(lambda i: i), 2, seed=0)
    )
    model.fit(x, y, verbose=0)
    assert len(model.ledger) == 1


@needs_tensorflow
def test_the_tensorflow_engine_is_refused_where_it_cannot_run():
    model = keras_amto.AMTOModel(mlp(), 2, engine="tensorflow")
    with pytest.raises(ValueError, match="run_eagerly=True") as raised:
        compiled(model, run_eagerly=True)
    assert_helpful(raised)


@needs_tensorflow
def test_an_eager_model_trains_by_the_portable_engine():
    model = keras_amto.AMTOModel(mlp(), 2, transfer_interval=2, seed=0)
    compiled(model, run_eagerly=True)
    model.fit(x[:20], y[:20], batch_size=8, verbose=0)
    assert type(model._carried.engine).__name__ == "PortableEngine"


@needs_tensorflow
@pytest.mark.parametrize(
    ("split", "labels", "message"),
    [
        (dict(stratify=True), np.arange(60), "class of 1 samples"),
        (dict(stratify=True), np.zeros((60, 3, 2)), "one class a sample"),
    ],
)
def test_a_split_that_cannot_be_stratified_is_refused(split, labels, message):
    model = compiled(keras_amto.AMTOModel(mlp(), 2, **split))
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(x, labels, verbose=0)
    assert_helpful(raised)


@needs_tensorflow
def test_tasks_and_batches_that_do_not_exist_are_refused():
    model = compiled(keras_amto.AMTOModel(mlp(), 2, seed=0))
    with pytest.raises(ValueError, match="no networks yet"):
        model.get_task_weights(0)
    with pytest.raises(ValueError, match="train_on_batch"):
        model.train_on_batch(x, y)
    model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="is not a task"):
        model.get_task_weights(2)
    with pytest.raises(TypeError, match="`task` is not an integer"):
        model.get_task_weights("0")
    with pytest.raises(ValueError, match="do not fit"):
        model.set_task_weights(0, [np.zeros(3)])


@needs_tensorflow
def test_no_epochs_train_nothing():
    model = compiled(keras_amto.AMTOModel(mlp(), 2, seed=0))
    history = model.fit(x, y, epochs=0, verbose=0)
    assert history.history == {}
    assert model.finalists is None
    model.fit(x, y, epochs=2, initial_epoch=2, verbose=0)
    assert len(model.ledger) == 0


@needs_tensorflow
def test_an_optimizer_of_another_model_is_refused_before_any_step():
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    compiled(mlp(units=5), optimizer=optimizer).fit(x, y, verbose=0)
    model = compiled(keras_amto.AMTOModel(mlp(), 2), optimizer=optimizer)
    with pytest.raises(ValueError, match="belongs to another model") as raised:
        model.fit(x, y, verbose=0)
    assert_helpful(raised)
    assert len(model.ledger) == 0
    with pytest.raises(ValueError, match="belongs to another model"):
        model.fit(x, y, verbose=0)  # and again


@needs_tensorflow
def test_a_function_that_shares_layers_is_refused():
    base = keras.layers.Dense(8, "relu")

    def shared():
        inputs = keras.Input((64,))
        outputs = keras.layers.Dense(10, "softmax")(base(inputs))
        return keras.Model(inputs, outputs)

    network = mlp()
    for function in (shared, lambda: network):
        model = compiled(keras_amto.AMTOModel(function, 2, seed=0))
        with pytest.raises(ValueError, match="share layers") as raised:
            model.fit(x, y, verbose=0)
        assert_helpful(raised)


@needs_tensorflow
def test_a_wrapped_model_is_not_wrapped_again():
    with pytest.raises(TypeError, match="cannot be wrapped again"):
        keras_amto.AMTOModel(keras_amto.AMTOModel(mlp()))


@needs_tensorflow
@pytest.mark.parametrize(
    "name", ["loss", "digit_loss", "mae", "mean_squared_error"]
)
def test_a_metric_of_which_lower_is_better_cannot_select(name):
    model = compiled(keras_amto.AMTOModel(mlp(), 2, seed=0))
    callback = keras_amto.AMTOCallback(selection_metric=name)
    with pytest.raises(ValueError, match="lower is better") as raised:
        model.fit(x, y, verbose=0, callbacks=[callback])
    assert_helpful(raised)


def test_an_accuracy_may_have_any_name_before_it():
    named = keras.metrics.SparseCategoricalAccuracy("error_type_accuracy")
    model = compiled(keras_amto.AMTOModel(mlp(), 2, seed=0), metrics=[named])
    callback = keras_amto.AMTOCallback(selection_metric=named.name)
    model.fit(x, y, verbose=0, callbacks=[callback])
    assert model.finalists.metric == named.name


class Above(keras.metrics.Metric):
    """A metric whose configuration leaves out its threshold."""

    def __init__(self, threshold=0.5, name="above", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return self.threshold


@needs_tensorflow
def test_a_metric_that_would_lose_a_setting_is_refused():
    model = keras_amto.AMTOModel(mlp(), 2, seed=0)
    with pytest.raises(
        ValueError, match=r"threshold.* would be lost"
    ) as raised:
        compiled(model, metrics=[Above(0.9)])
    assert_helpful(raised)


class Silent(keras.Model):
    """Its training reports no loss."""

    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(10, "softmax")

    def call(self, inputs):
        return self.out(inputs)

    def test_step(self, data):
        super().test_step(data)
        return {"other": 1.0}


@needs_tensorflow
def test_a_model_that_reports_no_loss_is_refused_before_any_step():
    model = compiled(keras_amto.AMTOModel(lambda: Silent(), 2))
    with pytest.raises(ValueError, match="reports no loss") as raised:
        model.fit(x, y, verbose=0)
    assert_helpful(raised)


@needs_tensorflow
def test_a_class_weight_that_is_no_mapping_is_refused():
    model = compiled(keras_amto.AMTOModel(mlp(), 2, seed=0))
    with pytest.raises(TypeError, match="`class_weight` is not a mapping"):
        model.fit(x, y, class_weight="balanced", verbose=0)
