"""The parts of a comparison, each against what it promises."""

import json

import keras
import numpy as np
import pytest

from keras_amto.comparison import networks
from keras_amto.comparison.data import DataSet
from keras_amto.comparison.data import load
from keras_amto.comparison.files import write_whole
from keras_amto.comparison.optimizers import copy_of
from keras_amto.comparison.results import Comparison
from keras_amto.comparison.results import Result
from keras_amto.comparison.soup import average_weights
from keras_amto.comparison.soup import reestimate_normalization
from keras_amto.comparison.store import ResultStore
from tests.conftest import ROOT


def result(seed=0, accuracy=0.5, **changes):
    values = dict(
        seed=seed,
        test_accuracy=accuracy,
        test_loss=1.0,
        validation_accuracy=None,
        validation_loss=None,
        training_steps=10,
        seconds=2.0,
    )
    return Result(**(values | changes))


def test_a_soup_is_the_mean_of_weights():
    one = [np.array([1.0, 2.0], "float32"), np.array([3, 4])]
    other = [np.array([3.0, 6.0], "float32"), np.array([9, 9])]
    mean, whole = average_weights([one, other])
    assert mean.dtype == np.float32
    assert mean.tolist() == [2.0, 4.0]
    assert whole.tolist() == [3, 4]


def test_statistics_become_those_of_the_data():
    network = keras.Sequential(
        [
            keras.Input((3,)),
            keras.Sequential([keras.layers.BatchNormalization(momentum=0.7)]),
        ]
    )
    x = np.random.default_rng(0).normal(5, 2, (60, 3)).astype("float32")
    assert reestimate_normalization(network, x, batch_size=20) == 1
    layer = network.layers[0].layers[0]
    _, _, mean, variance = layer.get_weights()
    parts = x.reshape(3, 20, 3)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        variance, parts.var(axis=1).mean(axis=0), rtol=1e-4
    )
    assert layer.momentum == 0.7


def test_frozen_statistics_stay():
    layer = keras.layers.BatchNormalization()
    network = keras.Sequential([keras.Input((3,)), layer])
    layer.trainable = False
    before = network.get_weights()
    assert reestimate_normalization(network, np.ones((8, 3)), 4) == 0
    for a, b in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_copy_has_its_own_learning_rate():
    optimizer = keras.optimizers.SGD(0.06, momentum=0.9, nesterov=True)
    faster = copy_of(optimizer, 7 / 6)
    assert faster is not optimizer
    np.testing.assert_allclose(float(faster.learning_rate), 0.07, rtol=1e-6)
    assert (faster.momentum, faster.nesterov) == (0.9, True)
    np.testing.assert_allclose(float(optimizer.learning_rate), 0.06, 1e-6)


def test_a_schedule_is_scaled_as_a_whole_and_can_be_saved():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [10], [0.6, 0.06]
    )
    faster = copy_of(keras.optimizers.SGD(schedule), 7 / 6)
    again = copy_of(faster)
    for optimizer in (faster, again):
        rates = [float(optimizer._learning_rate(step)) for step in (0, 20)]
        np.testing.assert_allclose(rates, [0.7, 0.07], rtol=1e-6)


def test_a_result_is_whole_or_absent(tmp_path):
    store = ResultStore(tmp_path)
    assert store.load("sto", 3) is None
    kept = result(3, 0.1 + 0.2, validation_loss=0.25)
    store.save("sto", kept)
    store.save("sto", result(11))
    assert store.load("sto", 3) == kept
    assert store.seeds("sto") == [3, 11]
    assert store.seeds("amto") == []
    assert [path.suffix for path in (tmp_path / "runs").iterdir()] == [
        ".json",
        ".json",
    ]


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_damaged_result_is_named(tmp_path):
    store = ResultStore(tmp_path)
    store.save("sto", result())
    (path,) = (tmp_path / "runs").iterdir()
    path.write_text('{"seed": 0')
    with pytest.raises(ValueError, match=r"sto-seed_0\.json"):
        store.load("sto", 0)


def test_the_table_has_means_errors_and_paired_differences():
    comparison = Comparison(
        {
            "sto": {0: result(0, 0.5), 1: result(1, 0.7)},
            "amto": {
                0: result(0, 0.6, validation_accuracy=1.0),
                1: result(1, 0.8, validation_accuracy=0.5),
            },
        }
    )
    head, _, sto, amto = comparison.table().splitlines()
    assert [cell.strip() for cell in sto.split("|")[1:-1]] == [
        "sto", "2", "60.00", "10.00", "-", "-", "-", "-", "-", "10", "2.0",
    ]  # fmt: skip
    assert [cell.strip() for cell in amto.split("|")[1:-1]] == [
        "amto", "2", "70.00", "10.00", "+10.00", "+10.00 to +10.00",
        "0.500", "-", "75.00", "10", "2.0",
    ]  # fmt: skip
    assert head.count("|") == sto.count("|")


def test_one_arm_is_compared_with_each_other_one():
    comparison = Comparison(
        {
            "sto": {0: result(0, 0.5), 1: result(1, 0.7)},
            "full": {0: result(0, 0.7, training_steps=30)},
            "amto": {0: result(0, 0.6), 1: result(1, 0.8)},
        }
    )
    assert comparison.table_of_one("amto").splitlines()[2:] == [
        "| sto | 2 | +10.00 | +10.00 to +10.00 | 0.500 | - | 10 and 10 |",
        "| full | 1 | -10.00 | - | - | - | 10 and 30 |",
    ]


@pytest.mark.parametrize(("seeds", "verdict"), [(5, "-"), (6, "higher")])
def test_a_verdict_needs_six_seeds(seeds, verdict):
    # As clear as can be: the same lead on every seed.
    comparison = Comparison(
        {
            arm: {seed: result(seed, accuracy) for seed in range(seeds)}
            for arm, accuracy in (("sto", 0.5), ("amto", 0.75))
        }
    )
    p = f"{2 / 2**seeds:.3f}"
    line = comparison.table().splitlines()[-1]
    assert f"| +25.00 to +25.00 | {p} | {verdict} |" in line
    line = comparison.table_of_one("amto").splitlines()[-1]
    assert f"| +25.00 to +25.00 | {p} | {verdict} |" in line


def test_figures_of_selection_stand_beside_those_of_the_test():
    comparison = Comparison(
        {
            "full": {0: result()},
            "amto": {
                seed: result(
                    seed,
                    accuracy,
                    validation_accuracy=accuracy + 0.25,
                    validation_loss=0.125,
                )
                for seed, accuracy in enumerate((0.5, 0.75))
            },
        }
    )
    assert comparison.table_of_selection().splitlines()[2:] == [
        f"| amto | 87.50 | 62.50 | 0.1250 | {result().test_loss:.4f} |",
    ]


def test_one_seed_has_neither_error_nor_interval():
    comparison = Comparison({"sto": {0: result()}, "amto": {0: result()}})
    line = comparison.table().splitlines()[-1]
    assert line.startswith("| amto | 1 | 50.00 | - | +0.00 | - | - | - | - |")


def test_every_run_is_in_csv_and_json():
    comparison = Comparison(
        {"sto": {1: result(1), 0: result(0)}, "full": {0: result(0, 1.0)}}
    )
    lines = comparison.to_csv().splitlines()
    assert lines[0].startswith("arm,seed,test_accuracy,")
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["sto", "0", "0.5"],
        ["sto", "1", "0.5"],
        ["full", "0", "1.0"],
    ]
    values = json.loads(comparison.to_json())
    assert [(v["arm"], v["seed"]) for v in values] == [
        ("sto", 0),
        ("sto", 1),
        ("full", 0),
    ]


def test_digits_are_images():
    data = load("digits")
    assert data.x.shape == (1797, 8, 8, 1)
    assert data.classes == 10
    assert data.x.max() == 1.0


def test_parts_of_an_npz_file_are_put_together(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(
        path,
        x_train=np.zeros((6, 4, 4), "uint8"),
        y_train=np.arange(6)[:, None],
        x_test=np.ones((2, 4, 4), "uint8"),
        y_test=np.zeros((2, 1), int),
    )
    for data in (load(str(path)), load("fashion_mnist", path)):
        assert data.x.shape == (8, 4, 4, 1)
        assert data.y.tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
        assert data.classes == 6


def test_class_folders_become_classes(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="images need pillow")
    for label, name in enumerate(["aGrass", "bField"]):
        (tmp_path / name).mkdir()
        for number in range(2):
            image.new("RGB", (20, 20), (100 * label, 0, 0)).save(
                tmp_path / name / f"{number}.jpg"
            )
    data = load("rsscn7", tmp_path, image_size=8)
    assert data.x.shape == (4, 8, 8, 3)
    assert data.x.dtype == np.uint8
    assert data.y.tolist() == [0, 0, 1, 1]
    assert abs(int(data.x[3, 0, 0, 0]) - 100) < 3


def test_the_real_images_are_found():
    path = ROOT.parent / "shared" / "data" / "rsscn7"
    if not path.is_dir():
        pytest.skip("the development data are not here")
    data = load("rsscn7", path, image_size=8)
    assert data.x.shape == (2800, 8, 8, 3)
    assert np.bincount(data.y).tolist() == [400] * 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rsscn7",), "is read from a path"),
        (("nothing.npz",), "There are no such data"),
        (("rsscn7", "nowhere"), "no class folders"),
    ],
)
def test_data_that_are_not_there_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        load(*arguments)


def images(side, channels, dtype):
    return DataSet(np.zeros((2, side, side, channels), dtype), [0, 1], 3)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("mlp", images(8, 1, "float32")),
        ("cnn", images(28, 1, "uint8")),
        ("mobilenet_v2", images(32, 3, "uint8")),
    ],
)
def test_named_networks_fit_the_data(name, data):
    network = networks.network_for(name, data)()
    outputs = keras.ops.convert_to_numpy(network(data.x[:1]))
    assert outputs.shape == (1, 3)
    np.testing.assert_allclose(outputs.sum(), 1, rtol=1e-5)


def test_batch_normalisation_follows_within_a_short_training():
    network = networks.network_for("mobilenet_v2", images(32, 3, "uint8"))()
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
    make = networks.network_for(f"{__name__}:tiny", images(8, 1, "float32"))
    assert make().output_shape == (None, 3)


@pytest.mark.parametrize(
    ("name", "data", "weights", "message"),
    [
        ("resnet", images(8, 1, "uint8"), None, "network is unknown"),
        ("mlp", images(8, 1, "uint8"), "a.h5", "takes no weights"),
        ("mobilenet_v2", images(8, 1, "uint8"), None, "takes colour images"),
    ],
)
def test_networks_that_do_not_fit_are_refused(name, data, weights, message):
    with pytest.raises(ValueError, match=message):
        networks.network_for(name, data, weights)
