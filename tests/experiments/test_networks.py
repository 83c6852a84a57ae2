"""Networks by name."""

import keras
import numpy as np
import pytest

from keras_amto.experiments.networks import image_size_of
from keras_amto.experiments.networks import make_network


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("mlp", (8, 8, 1), "float32"),
        ("cnn", (28, 28, 1), "uint8"),
        ("mobilenet_v2", (32, 32, 3), "uint8"),
    ],
)
def test_named_networks_fit_the_data(name, shape, dtype):
    network = make_network(name, shape, 3, dtype=np.dtype(dtype))
    outputs = network(np.zeros((1, *shape), dtype))
    outputs = keras.ops.convert_to_numpy(outputs)
    assert outputs.shape == (1, 3)
    np.testing.assert_allclose(outputs.sum(), 1, rtol=1e-5)


def test_batch_normalisation_follows_within_a_short_training():
    network = make_network("mobilenet_v2", (32, 32, 3), 3)
    clone = keras.models.clone_model(network)  # as AMTO makes its workers
    (base,) = (each for each in clone.layers if hasattr(each, "layers"))
    momenta = {
        layer.momentum
        for layer in base.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momenta == {0.9}


def tiny(shape, classes):
    """A network that the command line finds by name."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dense(8, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(classes, "softmax"),
        ]
    )


def test_a_function_of_ones_own_is_a_network():
    network = make_network(f"{__name__}:tiny", (8, 8, 1), 3)
    assert network.output_shape == (None, 3)


def test_a_file_is_a_network_with_its_weights(tmp_path):
    path = str(tmp_path / "network.keras")
    saved = tiny((8, 8, 3), 3)
    saved.save(path)
    assert image_size_of(path) == 8
    network = make_network(path, (8, 8, 3), 3)
    for one, other in zip(
        saved.get_weights(), network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_size_of_images_is_that_which_is_given_or_224():
    assert image_size_of("squeezenet") == 224
    assert image_size_of("squeezenet", 96) == 96


@pytest.mark.parametrize(
    ("name", "shape", "weights", "message"),
    [
        ("resnet", (32, 32, 3), None, "There is no such network"),
        ("mlp", (8, 8, 1), "a.h5", "takes no weights"),
        ("json:nothing", (8, 8, 1), None, "There is no such function"),
        ("mobilenet_v2", (8, 8, 1), None, "takes colour images"),
    ],
)
def test_networks_that_do_not_fit_are_refused(name, shape, weights, message):
    with pytest.raises(ValueError, match=message):
        make_network(name, shape, 3, weights)


def test_images_of_floats_are_refused_where_preprocessing_expects_bytes():
    with pytest.raises(ValueError, match="takes colour images of uint8"):
        make_network("mobilenet_v2", (32, 32, 3), 3, dtype="float32")
