"""ResNet18, VGG16 and GoogLeNet: published counts, and what Keras promises."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.applications import VGG16
from keras_amto.applications import GoogLeNet
from keras_amto.applications import ResNet18
from tests.conftest import needs_tensorflow

NETWORKS = {"resnet18": ResNet18, "vgg16": VGG16, "googlenet": GoogLeNet}
ALL = pytest.mark.parametrize("name", NETWORKS)
IMAGENET = dict(classes=1000, input_shape=(224, 224, 3))


def trainable(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


@pytest.mark.parametrize(
    ("make", "arguments", "expected"),
    [
        # He et al. with the 3x3 stem of CIFAR: 11.22 million.
        (ResNet18, {}, 11_220_132),
        (ResNet18, dict(classes=10), 11_173_962),
        (ResNet18, IMAGENET, 11_689_512),
        (VGG16, IMAGENET, 138_357_544),
        (VGG16, {}, 34_006_948),
        (VGG16, dict(include_top=False), 14_714_688),
        (GoogLeNet, IMAGENET, 6_998_552),
        (GoogLeNet, IMAGENET | dict(auxiliary_heads=True), 13_378_280),
    ],
)
def test_the_number_of_parameters_is_the_published_one(
    make, arguments, expected
):
    assert trainable(make(**arguments)) == expected


@ALL
def test_width_scales_what_is_learned_with_its_square(name):
    wide, narrow = (
        trainable(NETWORKS[name](include_top=False, width=width))
        for width in (1.0, 0.25)
    )
    assert 14 < wide / narrow < 17


@ALL
def test_small_images_are_not_halved_before_the_first_stage(name):
    model = NETWORKS[name](include_top=False, width=0.1)
    sizes = [layer.output.shape[1] for layer in model.layers[:4]]
    assert sizes == [32] * 4
    if name != "vgg16":
        large = NETWORKS[name](
            include_top=False, width=0.1, input_shape=(64, 64, 3)
        )
        assert large.layers[1].output.shape[1] == 32


@ALL
def test_arguments_mean_what_they_mean_in_keras_applications(name):
    make = NETWORKS[name]
    top = make(classes=7, width=0.1, name="mine")
    assert (top.name, top.output_shape) == ("mine", (None, 7))
    answer = top.predict(np.zeros((1, 32, 32, 3)), verbose=0)
    np.testing.assert_allclose(answer.sum(), 1, rtol=1e-5)
    assert make(width=0.1).input_shape == (None, 32, 32, 3)
    for pooling in ("avg", "max"):
        bare = make(include_top=False, pooling=pooling, width=0.1)
        assert len(bare.output_shape) == 2
    tensor = keras.Input((40, 40, 3))
    bare = make(include_top=False, input_tensor=tensor, width=0.1)
    assert bare.input is tensor
    logits = make(classes=3, width=0.1, classifier_activation=None)
    assert logits.layers[-1].activation is keras.activations.linear


@ALL
def test_weights_are_read_and_others_refused(name, tmp_path):
    make, path = NETWORKS[name], tmp_path / "some.weights.h5"
    model = make(classes=3, width=0.1)
    model.save_weights(path)
    again = make(classes=3, width=0.1, weights=path)
    for one, other in zip(
        model.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="do not fit"):
        make(classes=4, width=0.1, weights=path)
    with pytest.raises(ValueError, match="is not a file"):
        make(weights=tmp_path / "none.h5")


@ALL
def test_a_network_is_saved_and_loaded(name, tmp_path):
    model = NETWORKS[name](classes=3, width=0.1)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).uniform(size=(2, 32, 32, 3))
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "model.keras").predict(x, verbose=0),
        model.predict(x, verbose=0),
        rtol=1e-5,
    )


@ALL
def test_mixed_precision_answers_in_float16(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = NETWORKS[name](classes=3, width=0.1)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.compute_dtype == "float16"
    assert all(v.dtype == "float32" for v in model.trainable_variables)
    answer = model.predict(np.zeros((1, 32, 32, 3)), verbose=0)
    assert np.isfinite(answer).all()


@needs_tensorflow
@ALL
def test_a_round_of_amto_trains_it(name):
    model = keras_amto.AMTOModel(
        NETWORKS[name](classes=3, width=0.05), 2, transfer_interval=1, seed=0
    )
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    x = np.random.default_rng(0).uniform(size=(12, 32, 32, 3))
    stop = keras_amto.AMTOCallback(patience=None, max_steps=1)
    model.fit(x, np.arange(12) % 3, batch_size=4, verbose=0, callbacks=[stop])
    assert len(model.ledger) == 1


def test_auxiliary_heads_are_outputs_with_names():
    model = GoogLeNet(classes=5, width=0.1, auxiliary_heads=True)
    answers = model.predict(np.zeros((1, 32, 32, 3)), verbose=0)
    assert {k: v.shape for k, v in answers.items()} == {
        "predictions": (1, 5), "aux1": (1, 5), "aux2": (1, 5)
    }  # fmt: skip


@pytest.mark.parametrize("name", ["vgg16", "googlenet"])
def test_batch_normalisation_takes_the_place_of_biases(name):
    plain = NETWORKS[name](include_top=False, width=0.1)
    normal = NETWORKS[name](
        include_top=False, width=0.1, batch_normalization=True
    )
    kinds = [type(layer) for layer in normal.layers]
    convolutions = kinds.count(keras.layers.Conv2D)
    assert kinds.count(keras.layers.BatchNormalization) == convolutions
    biases = sum(
        layer.bias.shape[0]
        for layer in plain.layers
        if isinstance(layer, keras.layers.Conv2D)
    )
    assert trainable(normal) == trainable(plain) + biases  # gamma and beta


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (dict(width=0), ValueError),
        (dict(width="1"), TypeError),
        (dict(width=True), TypeError),
        (dict(classes=0), ValueError),
        (dict(pooling="avg"), ValueError),
        (dict(input_shape=(4, 4, 3)), ValueError),
        (dict(classifier_activation="none"), ValueError),
        (dict(include_top="yes"), TypeError),
    ],
)
@ALL
def test_wrong_arguments_are_refused(name, arguments, kind):
    with pytest.raises(kind, match="Received"):
        NETWORKS[name](**arguments)


def test_heads_without_a_top_are_refused():
    with pytest.raises(ValueError, match="Auxiliary"):
        GoogLeNet(include_top=False, auxiliary_heads=True)
