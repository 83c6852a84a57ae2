"""`python -m keras_amto train`."""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from keras_amto.cli import main
from keras_amto.cli import train
from keras_amto.experiments import forecast
from keras_amto.experiments import population
from keras_amto.experiments import train as training
from keras_amto.experiments.run_directory import RUN_FILES
from keras_amto.experiments.run_directory import new_run
from keras_amto.experiments.settings import RunSettings
from keras_amto.experiments.settings import check_given
from keras_amto.report import UNFINISHED
from keras_amto.report import read_run
from keras_amto.report.run_directory import newest_ledger
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.images import jpeg
from tests.images import picture
from tests.images import write_tree
from tests.shared import RSSCN7
from tests.shared import WEIGHTS
from tests.shared import needs_rsscn7
from tests.shared import needs_weights

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]

CLASSES = ("blue", "green", "red")
QUICK = [
    "--num-tasks", "2", "--transfer-interval", "3", "--batch-size", "8",
    "--image-size", "32",
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    return write_tree(root, dict.fromkeys(CLASSES, 20), side=32)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The file of a network that tells colours apart, if only it is trained."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    path = tmp_path_factory.mktemp("network") / "network.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def run_dir(tree, network, tmp_path_factory):
    """A run of seven steps: two rounds, and one of a single step."""
    path = tmp_path_factory.mktemp("runs") / "new" / "run"
    arguments = [
        "train", str(tree), "--model", str(network), *QUICK,
        "--max-steps", "7", "--optimizer", "sgd", "--learning-rate", "1",
        "--flip", "--output", str(path),
        "--backup", str(path.parent / "backup"),
    ]  # fmt: skip
    assert main(arguments) == 0
    return path


def serve(run_dir, files):
    """Returns the classes that an example finds in files, without Keras."""
    script = ROOT / "examples" / "serve_saved_model.py"
    process = subprocess.run(
        [sys.executable, script, run_dir, *files],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "keras_amto was imported: False" in process.stdout
    return re.findall(r"jpg: (\w+), [01]\.", process.stdout)


def accuracy(answers, right):
    return np.mean(np.array(answers) == right)


def test_a_run_leaves_what_can_be_read(run_dir, tree, network):
    present = {path.name for path in run_dir.iterdir()}
    assert present == set(RUN_FILES) - {"report.html"}
    run = read_run(run_dir)
    assert not run.missing
    assert [record.step for record in run.ledger] == [3, 6, 7]
    assert run.settings["data"] == str(tree)
    assert run.settings["max_steps"] == 7
    assert run.settings["flip"] is True
    assert run.metrics["accuracy"] > 0.9
    assert len(run.finalists.accuracies) == 2
    history = json.loads((run_dir / "history.json").read_text())
    assert len(history["val_loss"]) == 2  # of six steps, and of one
    assert (run_dir / "classes.txt").read_text().split() == list(CLASSES)
    assert (run_dir.parent / "backup" / "ledger.jsonl").exists()


def test_images_on_disk_give_the_same_run(
    run_dir, tree, network, tmp_path, caplog
):
    cache, path = tmp_path / "cache", tmp_path / "run"
    cache.mkdir()
    arguments = [
        "train", str(tree), "--model", str(network), *QUICK,
        "--max-steps", "7", "--optimizer", "sgd", "--learning-rate", "1",
        "--flip", "--output", str(path), "--memory-limit", "1",
        "--cache-dir", str(cache),
    ]  # fmt: skip
    assert main(arguments) == 0
    # The images of the test, and those of training.
    assert [str(cache) in text for text in caplog.messages] == [True, True]
    assert read_run(path).settings["cache_dir"] == str(cache)
    one, other = read_run(path), read_run(run_dir)
    assert one.metrics == other.metrics
    for a, b in zip(one.ledger, other.ledger, strict=True):
        np.testing.assert_array_equal(a.master_losses, b.master_losses)


def test_report_makes_a_page_of_a_run(run_dir, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need it").use("Agg")
    page = tmp_path / "page.html"
    assert main(["report", str(run_dir), "--output", str(page)]) == 0
    assert "Test</h2>" in page.read_text()


def test_the_winner_is_served_from_the_bytes_of_a_jpeg(run_dir, tree):
    files = sorted(tree.glob("*/*3.jpg"))
    winner = keras.models.load_model(run_dir / "winner.keras")
    x = np.stack([keras.utils.img_to_array(keras.utils.load_img(f))
                  for f in files])  # fmt: skip
    expected = winner.predict(x, verbose=0).argmax(axis=1)
    served = serve(run_dir, files)
    assert served == [CLASSES[c] for c in expected]
    assert accuracy(served, [path.parent.name for path in files]) > 0.8


def test_the_winner_is_trained_on(run_dir, tree, tmp_path, capfd):
    arguments = [
        "train", str(tree), "--num-tasks", "1", "--max-steps", "4",
        "--transfer-interval", "2",
        "--model", str(run_dir / "winner.keras"), "--output", str(tmp_path),
    ]  # fmt: skip
    assert main(arguments) == 0
    printed, told = capfd.readouterr()
    assert "step 4 of 4, at most 0 s left, lowest validation loss" in told
    assert "48 images to train on, 3 classes of " in printed
    assert "So: --model " in printed
    assert " --batch-size 8 --validation-split 0." in printed
    assert "--max-steps" not in printed  # it was given
    assert "12 images are kept for the test" in printed
    assert "test accuracy" in printed
    assert read_run(tmp_path).settings["image_size"] == 32


def test_a_network_is_made_by_name(tree, tmp_path):
    arguments = [
        "train", str(tree), "--model", "SqueezeNet", *QUICK,
        "--num-tasks", "1", "--max-steps", "1", "--output", str(tmp_path),
    ]  # fmt: skip
    assert main(arguments) == 0
    assert read_run(tmp_path).ledger[-1].step == 1


def settings_of(*arguments):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return RunSettings(**train._given(parser.parse_args(["d", *arguments])))


def test_the_preset_is_the_experiment_of_the_paper():
    settings = settings_of("--preset", "paper")
    assert (settings.num_tasks, settings.transfer_interval) == (4, 100)
    assert (settings.batch_size, settings.max_steps) == (64, 10_000)
    assert (settings.validation_split, settings.patience) == (0.1, 10)
    assert settings.flip
    optimizer = settings.make_optimizer()
    assert optimizer.nesterov
    assert optimizer.momentum == 0.9
    # The rate of each step, which Keras counts from 0.
    rates = [float(optimizer._learning_rate(step))
             for step in (0, 1999, 2000, 6999, 7000, 9999)]  # fmt: skip
    np.testing.assert_allclose(
        rates, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5], rtol=1e-6
    )


def test_every_part_of_the_preset_can_be_replaced_even_by_the_default():
    settings = settings_of(
        "--preset", "paper", "--batch-size", "32", "--max-steps", "1000",
        "--no-flip", "--patience", "none", "--drop-at",
    )  # fmt: skip
    assert (settings.batch_size, settings.max_steps) == (32, 1000)
    assert not settings.flip
    assert settings.patience is None
    assert float(settings.make_optimizer().learning_rate) == pytest.approx(1e-3)


def test_another_optimizer_gets_the_learning_rate():
    settings = settings_of(
        "--optimizer", "adam", "--learning-rate", "0.1", "--drop-at", "5"
    )
    optimizer = settings.make_optimizer()
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)],
)
def test_a_time_limit_is_read_in_seconds_minutes_or_hours(text, seconds):
    assert settings_of("--time-limit", text).time_limit == seconds


def test_images_are_classified_as_in_training(run_dir, tree, capsys):
    files = sorted(tree.rglob("*.jpg"))
    assert main(["predict", str(run_dir), str(tree), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["image"] for each in found] == list(map(str, files))
    answers = [next(iter(each["classes"])) for each in found]
    assert answers == serve(run_dir, files)
    assert accuracy(answers, [file.parent.name for file in files]) > 0.8
    for each in found:
        shares = list(each["classes"].values())
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1, abs=1e-5)

    assert main(["predict", str(run_dir), str(files[0]), "--top", "1"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{re.escape(str(files[0]))}: blue [\d.]+ %", line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jpg"], "There is no such image"),
        (["--top", "0", "{tree}"], "`top` is too small"),
        (["{here}"], "The image cannot be decoded"),
    ],
)
def test_what_cannot_be_classified_is_one_line(
    run_dir, tree, capsys, arguments, message
):
    given = [each.format(tree=tree, here=__file__) for each in arguments]
    assert main(["predict", str(run_dir), *given]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_directory_without_a_run_classifies_nothing(tmp_path, capsys):
    assert main(["predict", str(tmp_path), "a.jpg"]) == 1
    assert "There is no complete run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "memory_limit"),
    [("winner", 2**30), ("winner", 1), ("average", 2**30)],
)
def test_one_network_can_be_trained_on_everything(
    tree, network, tmp_path, capsys, answer, memory_limit
):
    arguments = [
        "train", str(tree), "--model", str(network), "--method", "full",
        "--max-steps", "12", "--transfer-interval", "3", "--optimizer", "sgd",
        "--learning-rate", "1", "--answer", answer, "--json",
        "--memory-limit", str(memory_limit),
        "--output", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"] > 0.8
    assert found["settings"]["method"] == "full"
    assert read_figures(tmp_path / "run")["accuracy"] == found["accuracy"]
    files = sorted(tree.rglob("*.jpg"))
    served = serve(tmp_path / "run", files)
    assert accuracy(served, [file.parent.name for file in files]) > 0.8


def read_figures(path):
    return json.loads((path / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--answer", "ensemble"], "One network has no ensemble"),
        (["--backup", "b"], "Received: --backup with --method full"),
        (["--num-tasks", "4"], "Received: --num-tasks with --method full"),
    ],
)
def test_what_one_network_cannot_do_is_refused(
    tree, network, tmp_path, capsys, arguments, message
):
    command = ["train", str(tree), "--model", str(network), "--method", "full"]
    output = ["--output", str(tmp_path / "o")]
    assert main([*command, *output, *arguments]) == 1
    assert message in capsys.readouterr().err
    if "--num-tasks" in arguments:
        assert main([*command, "--plan", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_a_network_that_has_diverged_is_not_saved(
    tree, network, tmp_path, capsys
):
    arguments = [
        "train", str(tree), "--model", str(network), "--method", "full",
        "--max-steps", "8", "--optimizer", "sgd", "--learning-rate", "1e39",
        "--output", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main(arguments) == 1
    assert "The network has diverged" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_backup_is_of_use_until_the_results_are_there(
    tree, network, run_dir, tmp_path, monkeypatch, capsys
):
    backup = tmp_path / "backup"
    arguments = [
        "train", str(tree), "--model", str(network), *QUICK,
        "--max-steps", "7", "--optimizer", "sgd", "--learning-rate", "1",
        "--flip", "--output", str(tmp_path / "run"), "--backup", str(backup),
    ]  # fmt: skip

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(training, "save_results", fail)
        assert main(arguments) == 1
    assert "No space left" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    newest = max(backup.glob("*.backup"))
    assert int(newest.stem) >= 6  # of seven steps
    assert main(arguments) == 0
    assert read_run(tmp_path / "run").ledger == read_run(run_dir).ledger
    assert [path.name for path in backup.glob("[!.]*")] == ["ledger.jsonl"]


def test_the_time_limit_of_one_network_counts_from_reading(
    tree, network, tmp_path, monkeypatch
):
    found, read = [], training.read_data

    def slowly(*arguments, **options):
        time.sleep(0.3)
        return read(*arguments, **options)

    def train_population(*arguments, **options):
        found.append(options)
        return original(*arguments, **options)

    original = population.train_population
    monkeypatch.setattr(training, "read_data", slowly)
    monkeypatch.setattr(population, "train_population", train_population)
    arguments = [
        "train", str(tree), "--model", str(network), "--method", "full",
        "--max-steps", "8", "--time-limit", "60", "--answer", "average",
        "--output", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main(arguments) == 0
    assert 0 < found[0]["max_seconds"] < 59.7
    assert found[0]["averages"]


@pytest.mark.parametrize(
    ("arguments", "optimizer", "rate"),
    [
        ([], "adam", 1e-4),
        (["--optimizer", "adamw"], "adamw", 1e-4),
        (["--optimizer", "Adam"], "Adam", 1e-4),
        (["--optimizer", "sgd"], "sgd", 1e-3),
        (["--momentum", "0.8"], "sgd", 1e-3),
        (["--optimizer", "sgd", "--learning-rate", "0.1"], "sgd", 0.1),
    ],
)
def test_a_rate_that_suits_adam_is_for_adam(
    tree, network, capsys, monkeypatch, arguments, optimizer, rate
):
    measured = forecast.Measured(0.1, 1.0, 60, 1, 1, 1)
    monkeypatch.setattr(forecast, "measure", lambda job: measured)
    command = ["train", str(tree), "--model", str(network), "--plan", "--json"]
    assert main([*command, *arguments]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["optimizer"] == optimizer
    assert settings["learning_rate"] == rate


def test_what_is_left_of_a_killed_run_is_removed_and_not_watched(tmp_path):
    with new_run(tmp_path) as place:
        for name in ("ledger.jsonl", "settings.json"):
            (place / name).write_text("")
        assert newest_ledger(tmp_path).place == place
    # As a killed process leaves it: later than the run, and locked by nobody.
    left = tmp_path / f"{UNFINISHED}x7"
    left.mkdir()
    for name in (".lock", "ledger.jsonl"):
        (left / name).write_text("")
    assert newest_ledger(tmp_path).place == tmp_path
    with new_run(tmp_path, overwrite=True) as first:
        assert not left.exists()
        (first / "ledger.jsonl").write_text("")
        with new_run(tmp_path, overwrite=True):
            assert first.exists()  # it is under way
            assert newest_ledger(tmp_path).place == first


def test_one_network_moves_the_bar_of_a_terminal(
    tree, network, tmp_path, monkeypatch
):
    from keras_amto.experiments.run_progress import RunProgress

    told = []
    for name in ("on_train_begin", "show", "on_train_end"):
        monkeypatch.setattr(
            RunProgress, name, lambda *args, name=name: told.append(name)
        )
    arguments = [
        "train", str(tree), "--model", str(network), "--method", "full",
        "--max-steps", "3", "--output", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main(arguments) == 0
    first, *shown, last = told
    assert (first, last) == ("on_train_begin", "on_train_end")
    assert set(shown) == {"show"}


@pytest.mark.parametrize("where", [".", "run"])
def test_results_do_not_lie_among_the_images(
    tree, network, monkeypatch, capsys, where
):
    monkeypatch.chdir(tree)
    output = [] if where == "." else ["--output", where]
    assert main(["train", ".", "--model", str(network), *output]) == 1
    assert "The results would lie among the images" in capsys.readouterr().err
    assert sorted(each.name for each in tree.iterdir()) == list(CLASSES)


@pytest.mark.parametrize("method", ["amto", "full"])
def test_what_was_decided_can_be_given_again(
    tmp_path, monkeypatch, capsys, method
):
    from keras_amto.experiments import job

    tree = write_tree(tmp_path / "my photos", dict.fromkeys(CLASSES, 6))
    made = []

    def make_network(name, shape, classes, weights=None):
        made.append((name, shape, weights))
        return keras.Sequential(
            [keras.Input(shape), keras.layers.GlobalAveragePooling2D(),
             keras.layers.Dense(classes, "softmax")]
        )  # fmt: skip

    monkeypatch.setattr(job, "make_network", make_network)
    facts = [str(tree), {"method": method}, None, None, None, None, None]
    first = job.prepare(*facts)
    (line,) = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("So: ")
    ]
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    options = parser.parse_args(
        [str(tree), "--method", method, *shlex.split(line[4:])]
    )
    given = train._given(options)
    check_given(given, RunSettings(**given))
    second = job.prepare(
        str(tree), given, options.model, options.weights, options.image_size,
        None, None,
    )  # fmt: skip
    assert made[0] == made[1]
    assert made[0][2] == "imagenet"
    assert second.settings == first.settings


def test_a_plan_says_what_a_run_takes_and_trains_none(
    tree, network, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", str(tree), "--model", str(network), "--plan"]
    assert main([*arguments, "--time-limit", "1h"]) == 0
    printed = capsys.readouterr().out
    assert "A training step of one network takes" in printed
    assert re.search(r"M = 4: about .* MB of memory .* \(this run\)", printed)
    assert "fits into 60 min" in printed
    assert not list(tmp_path.iterdir())

    assert main([*arguments, "--json", "--time-limit", "0.001"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["num_tasks"] for row in found["runs"]] == [1, 2, 4, 8]
    assert found["runs"][0]["steps_in_time_limit"] == 0
    assert found["disk_bytes"] > 0


def test_without_a_network_or_a_place_a_run_has_both(
    tmp_path, monkeypatch, capsys
):
    from keras_amto.experiments import job

    tree = write_tree(tmp_path / "photos", dict.fromkeys(CLASSES, 6), side=32)
    monkeypatch.chdir(tmp_path)
    made = []

    def make_network(name, shape, classes, weights=None):
        made.append((name, shape, weights))
        if weights == "imagenet":
            raise OSError("there is no network")
        return keras.Sequential(
            [
                keras.Input(shape),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(classes, "softmax"),
            ]
        )

    monkeypatch.setattr(job, "make_network", make_network)
    assert main(["train", str(tree), "--max-steps", "5"]) == 0
    printed = capsys.readouterr()
    assert made[0] == ("mobilenet_v2", (96, 96, 3), "imagenet")
    assert made[1] == ("mobilenet_v2", (96, 96, 3), None)
    assert "ImageNet weights cannot be downloaded" in printed.err
    assert "--model mobilenet_v2 --image-size 96" in printed.out
    assert printed.out.splitlines()[-1] == "runs/photos"
    settings = read_run(tmp_path / "runs" / "photos").settings
    assert settings["model"] == "mobilenet_v2"
    assert settings["weights"] is None


def test_a_run_is_kept_until_another_is_complete(run_dir, tmp_path, capsys):
    (tmp_path / "classes.txt").write_text("old")
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "notes").write_text("mine")
    arguments = ["train", "d", "--model", "m"]
    arguments += ["--output", str(tmp_path)]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "holds a run" in error
    assert "--overwrite" in error

    with (
        pytest.raises(KeyboardInterrupt),
        new_run(tmp_path, overwrite=True) as place,
    ):
        (place / "classes.txt").write_text("new")
        raise KeyboardInterrupt
    assert (tmp_path / "classes.txt").read_text() == "old"

    with new_run(tmp_path, overwrite=True) as place:
        (place / "classes.txt").write_text("new")
    assert (tmp_path / "classes.txt").read_text() == "new"
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["classes.txt", "notes"]


def test_a_page_about_a_run_that_was_killed_is_no_run(tmp_path):
    (tmp_path / "report.html").write_text("of a run that was watched")
    with new_run(tmp_path) as place:
        (place / "classes.txt").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["classes.txt"]


def test_the_ledger_of_a_run_is_the_last_to_arrive(tmp_path, monkeypatch):
    moved, replace = [], pathlib.Path.replace

    def spy(path, target):
        moved.append(path.name)
        return replace(path, target)

    monkeypatch.setattr(pathlib.Path, "replace", spy)
    names = ["metrics.json", "ledger.jsonl", "finalists.json"]
    with new_run(tmp_path) as place:
        for name in names:
            (place / name).write_text("")
    assert sorted(moved) == sorted(names)
    assert moved[-1] == "ledger.jsonl"


def test_a_run_can_be_watched_from_its_beginning_to_its_end(
    tree, network, tmp_path, monkeypatch
):
    path, seen = tmp_path / "run", []

    def look(*arguments):
        seen.append(read_run(newest_ledger(path).place))

    count, evaluate = training.count_images, training.AMTOModel.evaluate
    monkeypatch.setattr(
        training, "count_images", lambda *a: [look(), count(*a)][1]
    )
    monkeypatch.setattr(
        training.AMTOModel,
        "evaluate",
        lambda *a, **k: [look(), evaluate(*a, **k)][1],
    )
    arguments = [
        "train", str(tree), "--model", str(network), *QUICK,
        "--max-steps", "7", "--output", str(path),
    ]  # fmt: skip
    assert main(arguments) == 0
    early, late = seen
    assert early.settings["max_steps"] == 7
    assert len(early.ledger) == 0
    assert late.ledger == read_run(path).ledger
    assert newest_ledger(path).place == path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "lenet"], "There is no such network"),
        (["--model", "lenet.keras"], "There is no such Keras file"),
        (["--weights", "lenet.h5"], "`weights` is not a file"),
        (["--image-size", "8"], "input_shape"),
        (["--image-size", "0"], "`image_size` is too small"),
        (["--num-tasks", "0"], "`num_tasks` is too small"),
        (["--max-steps", "0"], "`max_steps` is too small"),
        (["--learning-rate", "nan"], "`learning_rate` is out of range"),
        (["--momentum", "1"], "`momentum` is out of range"),
        (["--optimizer", "sdg"], "`optimizer` cannot be created"),
        (["--optimizer", "adam", "--momentum", "0.9"], "`momentum` is for sgd"),
        (["--drop-at", "7", "2"], "`drop_at` is not in order"),
        (["--validation-split", "1"], "`validation_split` is out of range"),
        (["--validation-split", "0.999"], "leave"),
        (["--acceptance", "holdout"], "no clean set to judge shadows on"),
    ],
)
def test_a_wrong_value_is_one_line(tree, tmp_path, capsys, arguments, message):
    output = tmp_path / "deep" / "output"
    command = [
        "train", str(tree), "--model", "squeezenet",
        "--image-size", "32", "--output", str(output), *arguments,
    ]  # fmt: skip
    assert main(command) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.parent.exists()


def test_data_that_are_not_there_are_one_line(tmp_path, capsys):
    command = ["train", "nowhere", "--output", str(tmp_path / "o")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "There are no such data" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed", "one"],
        ["--time-limit", "long"],
        ["--patience", "some"],
        ["--stop-when", "never"],
    ],
)
def test_what_is_no_value_at_all_is_one_line(capsys, arguments):
    command = ["train", "d", "--model", "m", "--output", "o"]
    with pytest.raises(SystemExit, match="2"):
        main([*command, *arguments])
    error = capsys.readouterr().err
    assert arguments[0] in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "a.h5"], "has weights of its own"),
        (["--image-size", "48"], "images of another size"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tree, network, tmp_path, capsys, arguments, message
):
    command = ["train", str(tree), "--model", str(network)]
    assert main([*command, "--output", str(tmp_path / "o"), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_file_with_other_classes_is_refused(network, tmp_path, capsys):
    tree = write_tree(tmp_path / "tree", {"a": 5, "b": 5}, side=32)
    command = ["train", str(tree), "--model", str(network)]
    assert main([*command, "--output", str(tmp_path / "o")]) == 1
    assert "Expected: (None, 2)" in capsys.readouterr().err


def test_a_damaged_test_image_is_named_before_training(
    network, tmp_path, capsys
):
    from keras_amto import datasets

    tree = write_tree(tmp_path / "tree", dict.fromkeys(CLASSES, 10), side=32)
    damaged = datasets.load_folder(tree).test.file_paths[1]
    with open(damaged, "wb") as file:
        file.write(jpeg(picture(0, 0))[:100])
    command = ["train", str(tree), "--model", str(network)]
    assert main([*command, "--output", str(tmp_path / "o")]) == 1
    printed = capsys.readouterr()
    assert damaged in printed.err
    assert printed.err.count("\n") == 1
    assert "Epoch" not in printed.out


def test_a_data_set_that_cannot_be_downloaded_is_one_line(
    tmp_path, monkeypatch, capsys
):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(manager, url):
        raise tfds.download.DownloadError(f"Failed to get {url}")

    monkeypatch.setattr(
        tfds.download.DownloadManager, "download_and_extract", fail
    )
    command = ["train", "uc_merced", "--model", "squeezenet"]
    command += ["--data-dir", str(tmp_path), "--output", str(tmp_path / "o")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "'uc_merced' cannot be downloaded: Failed to get" in error
    assert error.splitlines()[-1].startswith("keras-amto train: ")


def test_help_reads_well(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    printed = capsys.readouterr().out
    assert "examples:" in printed
    spaced = " ".join(printed.split())
    assert "(default: 32, or by a folder's images; paper: 64)" in spaced
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.slow
@needs_rsscn7
@needs_weights
def test_the_images_of_rsscn7_are_learned_and_served(tmp_path):
    """The command of the README at half its steps, in one task."""
    weights = WEIGHTS / "squeezenet_v1.1_imagenet_notop.h5"
    arguments = [
        "train", str(RSSCN7), "--model", "squeezenet",
        "--weights", str(weights), "--image-size", "96", "--num-tasks", "1",
        "--max-steps", "100", "--transfer-interval", "50",
        "--learning-rate", "5e-4", "--output", str(tmp_path),
    ]  # fmt: skip
    assert main(arguments) == 0
    assert read_run(tmp_path).metrics["accuracy"] > 0.65
    files = sorted(RSSCN7.glob("*/*00[1-5].jpg"))
    served = serve(tmp_path, files)
    assert accuracy(served, [path.parent.name for path in files]) > 0.6
