"""Examples and benchmarks, run small."""

import csv
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from benchmarks import average
from benchmarks import backup
from benchmarks import data_on_disk
from benchmarks import diversity
from benchmarks import exactness
from benchmarks import feeding
from benchmarks import frozen_features
from benchmarks import ladder
from benchmarks import linear_prediction
from benchmarks import networks
from benchmarks import replica_step
from benchmarks import tuning
from examples import quickstart_digits
from examples import reproduce_paper
from examples import reproduce_plp
from keras_amto import experiments
from keras_amto.experiments.results import load_results
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.images import write_tree
from tests.placement.machines import free_port
from tests.plots import runs

pytestmark = needs_tensorflow


def test_the_quickstart_compares_and_leaves_a_saved_model(tmp_path, capsys):
    served = tmp_path / "served"
    accuracies = quickstart_digits.main(
        ["--seeds", "2", "--epochs", "4", "--export", str(served)]
    )
    printed = capsys.readouterr().out
    assert set(accuracies) == {"STO", "AMTO", "full"}
    assert all(0.5 < a <= 1 for way in accuracies.values() for a in way)
    assert "| AMTO |" in printed
    assert "winner by harmonic_accuracy" in printed

    # The other example uses it, in a process where nothing else is loaded.
    script = ROOT / "examples" / "serve_saved_model.py"
    process = subprocess.run(
        [sys.executable, str(script), str(served)],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "keras_amto was imported: False" in process.stdout


def test_full_training_makes_exactly_as_many_steps():
    data, _ = quickstart_digits.load_data(0)
    model = quickstart_digits.train_full(0, data, steps=19)
    assert model.optimizer.iterations.numpy() == 19


def test_the_arms_start_from_the_same_weights():
    one, other = (quickstart_digits.make_network(3) for _ in range(2))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def tiny(name, shape, classes, weights, dtype="uint8"):
    """Stands for a network of that name."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


def test_the_papers_experiment_prints_its_table_and_skips_what_is_done(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(reproduce_paper, "make_network", tiny)
    images = write_tree(tmp_path / "rsscn7", {"a": 20, "b": 20}, side=32)
    arguments = [
        "--data", f"rsscn7={images}", "--weights", "squeezenet=none",
        "--networks", "squeezenet", "--image-size", "32", "--max-steps", "2",
        "--transfer-interval", "1", "--results", str(tmp_path / "results"),
        "--seeds", "1",
    ]  # fmt: skip

    def run():
        lines = reproduce_paper.main(arguments)
        text = (tmp_path / "results").read_text()
        assert "\n".join(lines) in capsys.readouterr().out
        return lines, [json.loads(line) for line in text.splitlines()], text

    lines, results, kept = run()
    assert [result["way"] for result in results] == ["STO", "AMTO"]
    assert [result["settings"]["num_tasks"] for result in results] == [1, 4]
    assert [result["settings"]["flip"] for result in results] == [True, True]
    assert [result["steps"] for result in results] == [2, 2]
    row = lines[-1].split("|")
    sto, amto = (100 * result["accuracy"] for result in results)
    figures = [float(row[column]) for column in (4, 5, 6, 9, 10, 11)]
    assert figures == pytest.approx(
        [sto, amto, amto - sto, 93.71, 94.75, 1.04], abs=0.01
    )
    assert [row[column].strip() for column in (7, 8)] == ["-", "-"]
    assert run() == (lines, results, kept)
    # A line that was cut off is trained again; other weights are others.
    (tmp_path / "results").write_text(kept[:-9])
    again = run()[1]
    assert again[0] == results[0]
    assert again[1]["accuracy"] == results[1]["accuracy"]
    assert again[1]["seconds"] != results[1]["seconds"]
    assert [each["weights"] for each in again] == [None, None]
    path = reproduce_paper.parse(arguments).data["rsscn7"]
    assert path == str(images)
    relative = ["--data", "rsscn7=rsscn7", "--networks", "squeezenet",
                "--weights", "squeezenet=none"]  # fmt: skip
    assert reproduce_paper.parse(relative).data["rsscn7"] == "./rsscn7"


def test_the_small_size_has_amto_beside_all_that_costs_no_more(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(experiments.networks, "make_network", tiny)
    images = write_tree(tmp_path / "rsscn7", {"a": 20, "b": 20}, side=32)
    arguments = [
        "--small", "--data", f"rsscn7={images}", "--networks", "squeezenet",
        "--weights", "squeezenet=none", "--results", str(tmp_path), "--seeds",
        "1", "--image-size", "32", "--train-size", "20", "--steps", "2",
        "--transfer-interval", "1", "--arms", "sto", "full", "full_long",
        "amto",
    ]  # fmt: skip
    lines = reproduce_paper.main(arguments)
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in lines[2:]]
    assert [row[2:5] for row in rows] == [
        ["sto", "2", "1"], ["full", "2", "1"], ["full_long", "16", "1"],
        ["amto", "16", "1"],
    ]  # fmt: skip
    assert [row[-1] for row in rows] == ["93.71", "-", "-", "94.75"]
    found = {row[2]: float(row[5]) for row in rows}
    for row in rows[:-1]:
        gap = found["amto"] - found[row[2]]
        assert float(row[6]) == pytest.approx(gap, abs=0.011)
        assert row[7:9] == ["-", "-"]
    # What is done is not trained again.
    kept = (tmp_path / "rsscn7_squeezenet_tuned" / "runs.csv").read_text()
    assert reproduce_paper.main(arguments) == lines
    again = (tmp_path / "rsscn7_squeezenet_tuned" / "runs.csv").read_text()
    assert again == kept


def test_the_small_size_has_settings_of_each_network_and_a_place(tmp_path):
    small = reproduce_paper.NETWORKS[:2]
    assert list(reproduce_paper.SMALL) == list(small)
    given = ["--small", "--weights", "squeezenet=none"]
    with pytest.raises(SystemExit):  # where results go
        reproduce_paper.parse(given)
    place = tmp_path / "new" / "results"
    assert reproduce_paper.parse([*given, "--results", str(place)]).seeds == 6
    assert not (tmp_path / "new").exists()  # parsing makes nothing
    full = ["--weights", "squeezenet=none", "--results", str(tmp_path)]
    with pytest.raises(SystemExit):  # a file keeps the results of the full size
        reproduce_paper.parse(full)
    with pytest.raises(SystemExit):  # it has no settings there
        reproduce_paper.parse(
            [*given, "--results", "r", "--networks", "densenet121"]
        )
    with pytest.raises(SystemExit):  # options of the small size alone
        reproduce_paper.parse([*given[1:], "--steps", "3"])


def test_a_gap_of_the_papers_experiment_has_an_interval_and_a_p():
    results = [
        {"data": "rsscn7", "network": "squeezenet", "way": way, "seed": seed,
         "accuracy": accuracy}
        for way, accuracies in (("STO", (0.5, 0.6)), ("AMTO", (0.7, 0.9, 1.0)))
        for seed, accuracy in enumerate(accuracies)
    ]  # fmt: skip
    row = reproduce_paper.table(results)[-1].split("|")
    assert [cell.strip() for cell in row[3:9]] == [
        "2", "55.00", "80.00", "+25.00", "-38.53 to +88.53", "0.500",
    ]  # fmt: skip


def test_the_papers_settings_are_those_of_all_networks():
    settings = reproduce_paper.settings_of(max_steps=None)
    assert settings.max_steps == 10_000
    assert settings.batch_size == 64
    assert settings.flip
    with pytest.raises(SystemExit):
        reproduce_paper.main([])  # SqueezeNet has no download


def test_frozen_features_are_classified_as_the_seeds_draw_them(
    tmp_path, capsys
):
    images = write_tree(tmp_path / "images", {"a": 20, "b": 20}, side=32)
    arguments = [
        "--data", str(images), "--image-size", "32", "--train-size", "16",
        "--network", "squeezenet", "--seeds",
    ]  # fmt: skip
    # A seed from 100 on is tested on eight images, another one on 16.
    found = frozen_features.main([*arguments, "100", "0"])
    assert [8 * found[0] % 1, 16 * found[1] % 1] == [0, 0]
    assert "mean: " in capsys.readouterr().out

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 60)
    features = 100 + np.eye(3)[labels] + generator.normal(0, 0.1, (60, 3))
    assert frozen_features.accuracy(features, labels, 30, 1.0) == 1
    labels[:30] = (labels[:30] + 1) % 3  # it is taught what is wrong
    assert frozen_features.accuracy(features, labels, 30, 1.0) == 0


def test_the_benchmark_prints_its_tables(capsys):
    lines = replica_step.main(
        ["--networks", "mlp", "--repeats", "1", "--rounds", "1"]
    )
    (row,) = [line for line in lines if line.startswith("| mlp | 400 |")]
    ratio = float(row.split("|")[5])
    assert 0 < ratio < 5  # how fast is for the benchmark to say
    assert any(line.startswith("| network | peak") for line in lines)
    assert capsys.readouterr().out.splitlines() == lines


def test_the_benchmark_of_backups_prints_its_table(capsys):
    lines = backup.main(["--network", "mlp", "--turns", "1", "--rounds", "1"])
    (row,) = [line for line in lines if line.startswith("| mlp |")]
    size, plain, backed_up, cost = row.split("|")[2:6]
    assert float(size) > 0.1
    assert float(plain) > 0
    assert float(backed_up) > 0
    assert float(cost.strip(" %")) > -100  # how much is for it to say
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.slow
def test_the_benchmark_of_data_on_disk_prints_its_table(capsys):
    lines = data_on_disk.main(["--files", "200", "--epochs", "2"])
    for where in data_on_disk.WHERE.values():
        (row,) = [line for line in lines if line.startswith(f"| {where} |")]
        first, later, _ = map(float, row.split("|")[2:5])
        assert first >= 0
        assert later >= 0  # how fast is for the benchmark to say
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.slow
def test_the_benchmark_of_exactness_finds_two_runs_equal(capsys):
    lines = exactness.main(["--rounds", "1", "--epochs", "1"])
    assert lines == [
        "started again from the beginning: equal to the last bit",
        "killed after 1 rounds and continued: equal to the last bit",
    ]
    assert capsys.readouterr().out.splitlines() == lines


def test_the_benchmark_of_linear_prediction_prints_its_table(capsys):
    lines = linear_prediction.main(
        ["--network", "mlp", "--turns", "2", "--steps", "3"]
    )
    (row,) = [line for line in lines if line.startswith("| mlp |")]
    plain, predicting, cost = row.split("|")[2:5]
    assert float(plain) > 0
    assert float(predicting) > 0
    assert float(cost.strip(" %")) > -100  # how much is for it to say
    assert capsys.readouterr().out.splitlines() == lines


TINY = [
    "--data", "digits", "--train-size", "100", "--transfer-interval", "2",
    "--batch-size", "16",
]  # fmt: skip


@pytest.mark.slow
def test_the_ladder_has_every_way_at_its_recorded_cost(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    arguments = [
        "--output", str(tmp_path), "--tasks", "1", "2", *TINY, "--steps", "4",
        "--seeds", "7,",
    ]  # fmt: skip
    lines = ladder.main(arguments)
    assert capsys.readouterr().out.endswith("\n".join(lines) + "\n")
    assert (tmp_path / "ladder.md").read_text().splitlines() == lines
    assert lines[0] == "| way | 1 | 2 | 4 |"
    with (tmp_path / "ladder.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    costs = {way: [] for way in ladder.WAYS}
    for row in rows:
        costs[row["way"]].append(row["cost"])
        assert row["seed"] == "7"
    assert costs == {
        "full_long": ["1", "2", "4"],
        "full_long_average": ["1", "2", "4"],
        "full_ensemble": ["1", "2"],
        "papa_all": ["2", "4"],
        # One task is the conventional way.
        "amto": ["1", "4"],
        "amto_average": ["1", "4"],
        "amto_merge_average": ["1", "4"],
    }
    accuracies = {(r["way"], r["cost"]): r["test_accuracy"] for r in rows}
    # What is the same network was trained in two ways.
    assert accuracies["full_long", "1"] == accuracies["full_ensemble", "1"]
    amto = load_results(tmp_path / "tasks_2")["amto"][7]
    assert float(accuracies["amto", "4"]) == amto.test_accuracy
    assert ladder.of_csv(tmp_path / "ladder.csv") == ladder.read(
        tmp_path, [1, 2]
    )
    content = (tmp_path / "ladder.png").read_bytes()
    assert content.startswith(b"\x89PNG")

    (tmp_path / "tasks_2" / "runs" / "papa_all-seed_7.json").unlink()
    (tmp_path / "tasks_2" / "runs.csv").unlink()
    assert ladder.main(arguments) == lines
    printed = capsys.readouterr().out
    assert "9 of 9 runs are done already" in printed
    assert "6 of 7 runs are done already" in printed
    assert (tmp_path / "ladder.png").read_bytes() == content


def test_the_ladder_goes_on_from_a_comparison_of_all_arms(tmp_path):
    published = ROOT / "docs" / "results" / "digits_tuned.csv"
    (tmp_path / "tasks_4").mkdir()
    shutil.copy(published, tmp_path / "tasks_4" / "runs.csv")
    scores = ladder.read(tmp_path, [4])
    assert {way: list(by_cost) for way, by_cost in scores.items()} == {
        way: [1, 8] if way.startswith("full_long")
        else [4] if way == "full_ensemble" else [8]
        for way in ladder.WAYS
    }  # fmt: skip


def test_a_rung_of_the_ladder_is_a_mean_with_its_error():
    scores = {
        "full_long": {1.0: {0: 0.5, 1: 0.7}, 4.0: {0: 0.75}},
        "amto": {4.0: {0: 0.5, 1: 0.5}},
    }
    assert ladder.table(scores) == [
        "| way | 1 | 4 |",
        "|---|---:|---:|",
        "| full_long | 60.00 ± 10.00 | 75.00 |",
        "| amto | - | 50.00 ± 0.00 |",
    ]


def test_the_ladder_ends_where_a_comparison_fails(tmp_path, capsys):
    arguments = ["--output", str(tmp_path), "--steps", "0", "--seeds", "1"]
    with pytest.raises(SystemExit) as end:
        ladder.main(arguments)
    assert end.value.code == 1
    assert "`steps` is too small" in capsys.readouterr().err


def test_the_small_network_is_as_small_as_the_page_of_results_says():
    network = networks.small_cnn((28, 28, 1), 10)
    count = sum(math.prod(each.shape) for each in network.trainable_variables)
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    assert f"{count:,} weights that are trained" in page
    assert network(np.zeros((2, 28, 28, 1), "uint8")).shape == (2, 10)


def test_tuning_tries_every_setting_on_development_seeds(tmp_path, capsys):
    arguments = [
        "--output", str(tmp_path), "--steps", "2", "4", "--learning-rates",
        "0.05", "--schedules", "constant", "cosine", "--seeds", "100", *TINY,
    ]  # fmt: skip
    lines = tuning.main(arguments)
    assert capsys.readouterr().out.endswith("\n".join(lines) + "\n")
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in lines[2:]]
    assert [row[:4] for row in rows] == [
        ["0.05", schedule, steps, "1"]
        for schedule in ("constant", "cosine")
        for steps in ("2", "4")
    ]
    results = load_results(tmp_path / "cosine-0.05-4")
    assert {arm: list(by_seed) for arm, by_seed in results.items()} == {
        "full": [100],
        "full_average": [100],
    }
    assert rows[-1][4:] == [
        f"{100 * by_seed[100].test_accuracy:.2f}"
        for by_seed in results.values()
    ]
    # A share of the digits was set apart for such seeds.
    accuracy = 359 * results["full"][100].test_accuracy
    assert accuracy == pytest.approx(round(accuracy))
    assert tuning.main(arguments) == lines
    assert tuning.table(tuning.read_trials(tmp_path / "tuning.csv")) == lines


def test_the_benchmark_of_feeding_measures_steps_and_batches():
    arguments = ["--width", "8", "--milliseconds", "2", "--rounds", "1"]
    cells = feeding.main(arguments)[-1].split("|")[1:-1]
    steps, batches, both, ratio = map(float, cells)
    assert batches > 2 and both > 2  # that long `augment` sleeps
    assert steps > 0 and ratio > 0


def test_the_benchmark_of_placement_prints_its_table():
    """In a process of its own: it splits the CPU into devices."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.placement", "--network", "mlp",
         "--devices", "1", "2", "--steps", "2", "--rounds", "1",
         "--servers", "1"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )  # fmt: skip
    rows = [
        line.split("|")[1:-1]
        for line in process.stdout.splitlines()
        if line.startswith(("| 1 ", "| 2 ")) and "servers" not in line
    ]
    assert [row[0].split()[0] for row in rows] == ["1", "2"]
    assert all(float(row[2]) > 0 for row in rows)
    assert "| 1 servers | " in process.stdout
    assert "cores on the host" in process.stdout
    if "CPU" in rows[0][0]:
        assert "cannot show what it gains" in process.stdout


@pytest.mark.slow
def test_the_commands_for_two_servers_train_and_export(tmp_path):
    """As they stand in the example, but for ports that are free."""
    text = (ROOT / "examples" / "multi_worker.py").read_text()
    section = text.split("### Two servers on this machine")[1]
    commands = section.split("```")[1]
    for stated in ("12345", "23456"):
        assert commands.count(stated) == 2
        commands = commands.replace(stated, str(free_port()))
    options = f"--epochs 2 --num-tasks 2 --export {tmp_path / 'served'}"
    commands = commands.replace("worker.py", f"worker.py {options}")
    python = pathlib.Path(sys.executable).parent
    process = subprocess.run(
        ["bash", "-c", commands],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ
        | {"PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
    )
    assert "/job:worker/" in process.stdout, process.stderr
    assert process.stdout.count("test accuracy") == 1
    assert (tmp_path / "served" / "saved_model.pb").exists()


def test_the_files_for_clusters_can_be_read():
    import yaml

    clusters = ROOT / "examples" / "clusters"
    kinds = [
        each["kind"]
        for each in yaml.safe_load_all(
            (clusters / "kubernetes.yaml").read_text()
        )
    ]
    assert kinds == ["Service", "StatefulSet", "Job"]
    subprocess.run(["bash", "-n", clusters / "slurm.sh"], check=True)


def test_the_example_of_several_machines_runs_on_one():
    process = subprocess.run(
        [sys.executable, "examples/multi_worker.py", "--epochs", "1",
         "--num-tasks", "2"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "test accuracy" in process.stdout


# A script with a notebook beside it begins as a notebook does, with a title.
SCRIPTS = [
    path
    for path in sorted((ROOT / "examples").glob("[!_]*.py"))
    if not path.with_suffix(".ipynb").exists()
]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_examples_have_the_header_of_keras_io(path: pathlib.Path):
    header = path.read_text().split('"""')[1]
    keys = [line.partition(":")[0] for line in header.strip().splitlines()]
    assert keys == [
        "Title",
        "Author",
        "Date created",
        "Last modified",
        "Description",
    ]


def test_the_cost_of_the_average_is_measured(capsys):
    lines = average.main(["--network", "mlp", "--rounds", "2"])
    _, _, row = lines
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    share, weights, kept, peak = map(float, cells[3:])
    assert 0 < share < 100
    assert weights - 0.1 < kept < weights + 1
    assert 0 <= peak < 20
    assert lines[0] in capsys.readouterr().out


def cifar_like(path):
    stream = np.random.default_rng(0)
    np.savez(
        path,
        x_train=stream.integers(0, 255, (40, 32, 32, 3), "uint8"),
        y_train=np.arange(40) % 10,
        x_test=stream.integers(0, 255, (20, 32, 32, 3), "uint8"),
        y_test=np.arange(20) % 10,
    )
    return ["--data", str(path), "--width", "0.02", "--epochs", "2",
            "--batch-size", "16", "--networks", "vgg16",
            "--parts", "cyclic", "--seeds", "1"]  # fmt: skip


def test_a_run_of_the_plp_experiment_is_a_process_of_its_own(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(reproduce_plp, "ARMS", ("sgd_7_6",))
    given = [*cifar_like(tmp_path / "cifar.npz"), "--output", str(tmp_path)]
    (row,) = reproduce_plp.main(given)[2:]
    run = json.loads(
        (tmp_path / "runs/vgg16-cyclic-sgd_7_6-0.json").read_text()
    )
    assert f"| {100 * run['accuracy']:.2f} |" in row
    assert reproduce_plp.main(given)[2:] == [row]


def test_the_plp_experiment_goes_on_where_it_was_interrupted(
    tmp_path, monkeypatch, capsys
):
    def tiny(classes, width, input_shape):
        return keras.Sequential(
            [
                keras.Input(input_shape),
                keras.layers.AveragePooling2D(4),
                keras.layers.Flatten(),
                keras.layers.Dense(classes, activation="softmax"),
            ]
        )

    def run(command, **kwargs):
        reproduce_plp.main(command[2:])  # here, where the network is known

    calls = []

    def interrupted(command, **kwargs):
        calls.append(command)
        if len(calls) == 2:
            raise KeyboardInterrupt
        run(command)

    monkeypatch.setitem(reproduce_plp.NETWORKS, "vgg16", tiny)
    monkeypatch.setattr(reproduce_plp.subprocess, "run", run)
    given = cifar_like(tmp_path / "cifar.npz")
    expected = reproduce_plp.main([*given, "--output", str(tmp_path / "whole")])
    assert [line.split("|")[3].strip() for line in expected[2:]] == [
        "sgd", "linear_prediction", "sgd_7_6"
    ]  # fmt: skip
    halved = [*given, "--output", str(tmp_path / "halved")]
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(reproduce_plp.subprocess, "run", interrupted)
        reproduce_plp.main(halved)
    done = len(list((tmp_path / "halved" / "runs").iterdir()))
    assert 1 <= done < 3
    assert reproduce_plp.main(halved) == expected
    assert (tmp_path / "halved" / "curves.png").stat().st_size > 0
    read = reproduce_plp.of_csv(tmp_path / "halved" / "runs.csv")
    assert reproduce_plp.table(read) == expected
    assert {len(each["curve"]) for each in read} == {2}
    # Runs that were not asked for stay in the file.
    (tmp_path / "halved" / "runs" / "vgg16-constant-sgd-0.json").write_text(
        json.dumps(read[0] | {"part": "constant"})
    )
    reproduce_plp.main(halved)
    assert len(reproduce_plp.of_csv(tmp_path / "halved" / "runs.csv")) == 4
    with pytest.raises(SystemExit, match="other settings"):
        reproduce_plp.main([*halved, "--epochs", "3"])


def test_the_rate_of_plp_cycles_between_itself_and_its_double():
    rate = reproduce_plp.CyclicRate(0.001, half_cycle=10)
    steps = [0, 5, 10, 20, 30]
    found = [float(rate(step)) for step in steps]
    np.testing.assert_allclose(
        found, [0.001, 0.0015, 0.002, 0.001, 0.002], rtol=1e-6
    )
    again = reproduce_plp.CyclicRate.from_config(rate.get_config())
    assert float(again(5)) == found[1]


def test_the_control_of_plp_has_seven_sixths_of_the_rate():
    rates = [
        reproduce_plp.make_optimizer(arm, "constant", 10).learning_rate
        for arm in ("sgd", "sgd_7_6")
    ]
    np.testing.assert_allclose(float(rates[1]), 7 / 6 * float(rates[0]))


def test_lineages_and_relationships_are_read_from_a_comparison(tmp_path):
    for seed in (0, 1):
        directory = tmp_path / f"amto-seed_{seed}"
        directory.mkdir()
        runs.three_tasks().save(directory / "ledger.jsonl")
    assert diversity.founders(runs.three_tasks()) == [2, 1, 1]
    row = diversity.main([str(tmp_path)])[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # Three of nine shadows; one founder from step 10 of 15 on.
    assert cells[:5] == ["amto", "2", "33.3", "67", "1.00"]
    assert 0 < float(cells[5]) < 100
