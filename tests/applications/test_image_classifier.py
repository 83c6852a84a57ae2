"""Networks of images as they are."""

import keras
import numpy as np
import pytest

from keras_amto.applications import image_classifier
from keras_amto.applications import squeezenet
from tests.shared import WEIGHTS
from tests.shared import needs_weights

SHAPE = (32, 32, 3)


def tiny(input_shape, include_top, pooling, weights):
    """What a network sees, on average."""
    assert not include_top
    assert pooling == "avg"
    inputs = keras.Input(input_shape)
    x = keras.layers.BatchNormalization()(inputs)
    outputs = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, outputs)


def features(model, x):
    """What goes into the top."""
    seen = keras.Model(model.inputs[0], model.layers[-1].input)
    return keras.ops.convert_to_numpy(seen(x))


@pytest.mark.parametrize(
    ("name", "public", "preprocess"),
    [
        ("mobilenet_v2", "MobileNetV2", keras.applications.mobilenet_v2),
        ("DenseNet121", "DenseNet121", keras.applications.densenet),
        ("resnet50", "ResNet50", keras.applications.resnet),
        ("EfficientNetV2B0", "EfficientNetV2B0", None),
        ("mobilenet_v3_small", "MobileNetV3Small", None),
    ],
)
def test_images_are_preprocessed_as_the_network_was_trained(
    name, public, preprocess, monkeypatch, tmp_path
):
    monkeypatch.setattr(keras.applications, public, tiny)
    model = image_classifier(name, SHAPE, classes=7)
    x = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")
    expected = x.astype("float32")
    if preprocess is not None:
        expected = preprocess.preprocess_input(expected.copy())
    # Batch normalisation divides by the root of 1.001 before it has learned.
    expected = expected.mean((1, 2)) / np.sqrt(1.001)
    np.testing.assert_allclose(features(model, x), expected, atol=1e-3)
    assert model.output_shape == (None, 7)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6)
    (base,) = (each for each in loaded.layers if hasattr(each, "layers"))
    assert base.layers[1].momentum == 0.9


@needs_weights
def test_squeezenet_has_its_weights_and_their_preprocessing():
    path = WEIGHTS / "squeezenet_v1.1_imagenet_notop.h5"
    model = image_classifier("squeezenet", SHAPE, 5, path)
    base = squeezenet.SqueezeNet(
        include_top=False, weights=path, input_shape=SHAPE, pooling="avg"
    )
    x = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")
    expected = base(squeezenet.preprocess_input(x.astype("float32")))
    np.testing.assert_allclose(features(model, x), expected, rtol=1e-4)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_text("no weights")
    for name, reason in (
        ("squeezenet", "are of an unknown kind"),
        ("mobilenet_v2", "Unable to synchronously open file"),
    ):
        with pytest.raises(ValueError, match=f"{name}.*{reason}"):
            image_classifier(name, SHAPE, 5, path)
