"""SqueezeNet, its weights and its conventions."""

import os
import sys

import h5py
import keras
import numpy as np
import pytest

from keras_amto.applications import SqueezeNet
from keras_amto.applications import squeezenet
from tests.conftest import needs_tensorflow
from tests.shared import WEIGHTS
from tests.shared import needs_rsscn7
from tests.shared import needs_weights
from tests.shared import rsscn7_images

H5 = WEIGHTS / "squeezenet_v1.1_imagenet_notop.h5"


@pytest.mark.parametrize(
    ("version", "include_top", "expected"),
    [  # torchvision's counts
        ("1.0", True, 1_248_424),
        ("1.1", True, 1_235_496),
        ("1.0", False, 735_424),
        ("1.1", False, 722_496),
    ],
)
def test_the_number_of_parameters_is_the_published_one(
    version, include_top, expected
):
    model = SqueezeNet(include_top, version=version)
    assert model.count_params() == expected


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_last_feature_map_is_13_pixels_wide_at_224(version):
    model = SqueezeNet(False, input_shape=(224, 224, 3), version=version)
    assert model.output_shape == (None, 13, 13, 512)


def test_arguments_mean_what_they_mean_in_keras_applications():
    top = SqueezeNet(classes=7, input_shape=(64, 64, 3))
    assert top.output_shape == (None, 7)
    probabilities = top.predict(np.zeros((1, 64, 64, 3)), verbose=0)
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-5)
    assert SqueezeNet().input_shape == (None, 224, 224, 3)
    assert SqueezeNet(False).input_shape == (None, None, None, 3)
    assert SqueezeNet(False, pooling="avg").output_shape == (None, 512)
    assert SqueezeNet(False, pooling="max").output_shape == (None, 512)
    tensor = keras.Input((48, 48, 3))
    assert SqueezeNet(False, input_tensor=tensor).input is tensor
    logits = SqueezeNet(classes=3, classifier_activation=None)
    assert logits.layers[-1].activation is keras.activations.linear
    assert SqueezeNet(name="mine").name == "mine"


def test_preprocessing_is_that_of_caffe_or_of_torch():
    red = np.zeros((1, 2, 2, 3), "float32")
    red[..., 0] = 255
    caffe = squeezenet.preprocess_input(red.copy())
    np.testing.assert_allclose(
        caffe[0, 0, 0], [-103.939, -116.779, 255 - 123.68]
    )
    torch = squeezenet.preprocess_input(red.copy(), mode="torch")
    np.testing.assert_allclose(
        torch[0, 0, 0],
        [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match="mode='tf'"):
        squeezenet.preprocess_input(red, mode="tf")


# Files of weights.


def pooled(image):
    """Windows of 3 with stride 2, the last one cut off at the border."""
    height, width, _ = image.shape
    return np.array(
        [
            [image[i : i + 3, j : j + 3].max((0, 1)) for j in range(0, w, 2)]
            for w in [width - 1]
            for i in range(0, height - 1, 2)
        ]
    )


def test_maps_of_even_and_odd_size_are_pooled_to_their_border():
    for side in (6, 7):
        inputs = keras.Input((side, side, 1))
        model = keras.Model(inputs, squeezenet._pool(inputs, 1))
        image = np.random.default_rng(0).random((side, side, 1), "float32")
        got = model.predict(image[None], verbose=0)[0]
        np.testing.assert_array_equal(got, pooled(image))


@needs_weights
def test_the_caffe_weights_are_read():
    model = SqueezeNet(False, weights=H5)
    with h5py.File(H5) as file:
        kernel = file["fire4/expand3x3/uniform10"][()]
        bias = file["conv1"]["conv1_b"][()]
    np.testing.assert_array_equal(
        model.get_layer("fire4_expand3x3").get_weights()[0], kernel
    )
    np.testing.assert_array_equal(
        model.get_layer("conv1").get_weights()[1], bias
    )


@needs_weights
def test_weights_that_do_not_fit_are_refused_by_layer():
    with pytest.raises(ValueError, match="layer 'conv1'") as raised:
        SqueezeNet(False, weights=H5, version="1.0")
    assert "(7, 7, 3, 96)" in str(raised.value)
    with pytest.raises(ValueError, match=r"layer 'conv10'.*include_top=False"):
        SqueezeNet(weights=H5)


def test_weights_that_keras_saved_are_read(tmp_path):
    path = tmp_path / "mine.weights.h5"
    one = SqueezeNet(False)
    one.save_weights(path)
    other = SqueezeNet(False, weights=path)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "weights.txt"
    path.write_text("no weights")
    with pytest.raises(ValueError, match="unknown kind"):
        SqueezeNet(weights=path)


# Under torchvision's names: the positions of its fire modules.
FIRES = {
    "1.0": (3, 4, 5, 7, 8, 9, 10, 12),
    "1.1": (3, 4, 6, 7, 9, 10, 11, 12),
}


def torchvision_state(version):
    """Random weights under torchvision's names, in its order of axes."""
    model = SqueezeNet(version=version)
    names = {"conv1": "features.0"}
    for number, position in enumerate(FIRES[version], start=2):
        names[f"fire{number}_squeeze1x1"] = f"features.{position}.squeeze"
        for side in ("1x1", "3x3"):
            names[f"fire{number}_expand{side}"] = (
                f"features.{position}.expand{side}"
            )
    names["conv10"] = "classifier.1"
    state = {}
    for ours, theirs in names.items():
        kernel, bias = model.get_layer(ours).get_weights()
        state[f"{theirs}.weight"] = kernel.transpose(3, 2, 0, 1).copy()
        state[f"{theirs}.bias"] = bias + np.float32(0.1)
    return state


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="state dicts need torch")


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_state_dict_of_torchvision_is_read(tmp_path, version, archive, torch):
    state = torchvision_state(version)
    path = tmp_path / "squeezenet.pth"
    torch.save(
        {name: torch.from_numpy(array) for name, array in state.items()},
        path,
        _use_new_zipfile_serialization=archive,
    )
    model = SqueezeNet(weights=path, version=version)
    kernel, bias = model.get_layer("fire9_expand3x3").get_weights()
    np.testing.assert_array_equal(
        kernel, state["features.12.expand3x3.weight"].transpose(2, 3, 1, 0)
    )
    np.testing.assert_array_equal(bias, state["features.12.expand3x3.bias"])
    # Its classifier can be left out.
    assert SqueezeNet(False, weights=path, version=version).built


class _Danger:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_nothing_in_a_state_dict_is_executed(tmp_path, monkeypatch, torch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "danger.pth"
    for archive in (True, False):
        torch.save(
            {"x": _Danger()}, path, _use_new_zipfile_serialization=archive
        )
        with pytest.raises(ValueError, match="is not a state dict"):
            SqueezeNet(weights=path)
        assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"PK damaged", b"\x80\x02 damaged"])
def test_a_damaged_state_dict_is_refused(tmp_path, content, torch):
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a state dict"):
        SqueezeNet(weights=path)


def test_a_state_dict_without_torch_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "squeezenet.pth"
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match="Expected: `pip install torch`"):
        SqueezeNet(weights=path)


@pytest.mark.slow
@needs_tensorflow
@needs_weights
@needs_rsscn7
def test_a_ridge_probe_on_rsscn7_reaches_85_percent():
    from sklearn.linear_model import RidgeClassifier

    base = SqueezeNet(False, weights=H5, pooling="avg")
    x, y = rsscn7_images(224)
    features = np.concatenate(
        [
            base.predict_on_batch(
                squeezenet.preprocess_input(x[i : i + 64].astype("float32"))
            )
            for i in range(0, len(x), 64)
        ]
    )
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[::2], order[1::2]
    mean, deviation = features[train].mean(0), features[train].std(0) + 1e-6
    features = (features - mean) / deviation
    probe = RidgeClassifier(alpha=100).fit(features[train], y[train])
    # The data's own description says 86.3 %.
    assert probe.score(features[test], y[test]) >= 0.85
