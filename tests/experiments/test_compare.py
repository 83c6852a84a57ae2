"""Whole comparisons, tiny."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.cli import main
from keras_amto.experiments import repetition
from keras_amto.experiments.arms import ARMS
from keras_amto.experiments.repetition import Repetition
from keras_amto.experiments.results import load_results
from keras_amto.fit.events import DivergedError
from tests.conftest import ROOT
from tests.data import digits
from tests.experiments.test_networks import tiny

pytestmark = pytest.mark.usefixtures("engines_once")

SETTINGS = dict(
    train_size=120,
    seeds=1,
    steps=12,
    num_tasks=2,
    transfer_interval=4,
    batch_size=16,
    verbose=False,
)


def network():
    return tiny((64,), 10)


def adapting():
    """Differs in one number that no weight shows."""
    made = network()
    made.layers[2].momentum = 0.9
    return made


def compare(output, arms=tuple(ARMS), size=400, network=network, **changes):
    x, y = digits(size)
    return keras_amto.compare(
        network, x, y, output, arms=arms, **(SETTINGS | changes)
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    output = tmp_path_factory.mktemp("comparison")
    return output, compare(output)


def test_every_arm_is_described():
    assert all(arm.text for arm in ARMS.values())


def test_every_arm_has_every_seed(whole):
    output, comparison = whole
    assert list(comparison) == list(ARMS)
    assert all(list(results) == [0] for results in comparison.values())
    assert len((output / "runs.csv").read_text().splitlines()) == 1 + len(ARMS)
    assert len(json.loads((output / "runs.json").read_text())) == len(ARMS)
    assert not list((output / "unfinished").iterdir())


# Of 12 steps each, and two tasks: all steps, and those in a row.
COSTS = {
    "sto": (12, 12), "sto_average": (12, 12), "full": (12, 12),
    "full_average": (12, 12), "full_long": (48, 48),
    "full_long_average": (48, 48), "full_batch": (48, 12),
    "full_ensemble": (24, 12), "papa_all": (48, 12), "papa": (48, 12),
    "best_of_k": (48, 12), "soup": (24, 12), "ensemble": (24, 12),
    "amto": (48, 12), "amto_average": (48, 12), "amto_ensemble": (48, 12),
    "amto_merge": (48, 12), "amto_merge_average": (48, 12),
    "amto_merge_ensemble": (48, 12), "amto_clean": (48, 12),
    "amto_clean_average": (48, 12), "amto_clean_ensemble": (48, 12),
    "amto_uniform": (48, 12), "amto_holdout": (48, 12), "plp": (12, 12),
    "sgd_7_6": (12, 12), "amto_plp": (48, 12),
}  # fmt: skip


def test_costs_are_counted_in_steps_of_all_networks(whole):
    _, comparison = whole
    steps = {
        arm: (results[0].training_steps, results[0].sequential_steps)
        for arm, results in comparison.items()
    }
    assert steps == COSTS
    assert all(
        result.seconds > 0
        for results in comparison.values()
        for result in results.values()
    )


def test_a_figure_of_selection_stands_where_something_was_selected(whole):
    _, comparison = whole
    without = {
        arm
        for arm, results in comparison.items()
        if results[0].validation_accuracy is None
    }
    assert without == {
        "full", "full_average", "full_long", "full_long_average", "full_batch",
        "full_ensemble", "papa_all", "papa", "soup", "ensemble",
    }  # fmt: skip


def test_the_report_has_table_pictures_and_settings(whole):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    output, comparison = whole
    text = (output / "report.md").read_text()
    for table in (
        comparison.table(),
        comparison.table_of_one("amto"),
        comparison.table_of_one("plp"),
        comparison.table_of_selection(),
    ):
        assert table in text
    for name in (
        "comparison", "lineage", "curves", "relationships", "entropy",
        "finalists",
    ):  # fmt: skip
        assert f"({name}.png)" in text
        content = (output / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")
    assert '"train_size": 120' in text
    assert "seeds are not independent samples" in text


def test_runs_of_amto_can_be_reported(whole):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    output, _ = whole
    assert main(["report", str(output / "amto_holdout-seed_0")]) == 0


def test_the_first_independent_run_is_what_amto_calls_one_task(tmp_path):
    x, y = digits(400)
    comparison = compare(tmp_path, ["sto"], seeds=[3])
    keras.utils.set_random_seed(3)
    model = keras_amto.AMTOModel(network(), 1, transfer_interval=4, seed=3)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    order = np.random.default_rng(3).permutation(400)
    gross, rest = order[:120], order[120:]
    model.fit(
        x[gross],
        y[gross],
        batch_size=16,
        epochs=2,
        verbose=0,
        callbacks=[keras_amto.AMTOCallback(patience=None, max_steps=12)],
    )
    _, accuracy = model.evaluate(x[rest], y[rest], verbose=0)
    np.testing.assert_allclose(
        comparison["sto"][3].test_accuracy, accuracy, atol=1e-6
    )


def test_no_arm_sees_test_labels_before_it_is_judged(whole, tmp_path):
    _, honest = whole
    x, y = digits(400)
    # Labels of what will be tested, all of them wrong.
    order = np.random.default_rng(0).permutation(400)
    wrong = y.copy()
    wrong[order[120:]] = (wrong[order[120:]] + 1) % 10
    other = keras_amto.compare(network, x, wrong, tmp_path, **SETTINGS)
    for arm in ARMS:
        a, b = honest[arm][0], other[arm][0]
        assert a.validation_accuracy == b.validation_accuracy
        assert a.validation_loss == b.validation_loss
        assert a.test_accuracy != b.test_accuracy


def test_a_given_test_set_is_the_one_that_counts(tmp_path):
    x, y = digits(400)
    given = keras_amto.compare(
        network,
        x[:120],
        y[:120],
        tmp_path,
        test_data=(x[:7], y[:7]),
        arms=["full"],
        **(SETTINGS | {"train_size": None}),
    )
    accuracy = given["full"][0].test_accuracy
    assert accuracy * 7 == pytest.approx(round(accuracy * 7))


class Subclassed(keras.Model):
    """A network that knows its shapes only when it is called."""

    def __init__(self):
        super().__init__()
        self.top = keras.layers.Dense(10, activation="softmax")

    def call(self, inputs):
        return self.top(inputs)


def test_a_subclassed_network_is_compared(tmp_path):
    x, y = digits(400)
    settings = SETTINGS | {"arms": ["full", "soup"], "steps": 4}
    found = keras_amto.compare(Subclassed, x, y, tmp_path, **settings)
    assert list(found) == ["full", "soup"]


def test_arms_and_seeds_can_be_added_and_nothing_runs_twice(
    tmp_path, monkeypatch
):
    ran = []
    real = Repetition.train

    def spy(repetition, *args, **kwargs):
        ran.append(repetition.seed)
        return real(repetition, *args, **kwargs)

    monkeypatch.setattr(Repetition, "train", spy)
    compare(tmp_path, ["amto"])
    assert ran == [0]
    both = compare(tmp_path, ["plp", "amto"], seeds=2)
    assert ran == [0, 0, 1, 1]  # plp 0, amto 1 and plp 1
    assert {arm: list(r) for arm, r in both.items()} == {
        "amto": [0, 1],
        "plp": [0, 1],
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"steps": 13}, "steps"),
        ({"train_size": 121}, "train_size"),
        ({"size": 399}, "data"),
        ({"optimizer": "adam"}, "optimizer"),
        ({"network": adapting}, "network"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, changes, name):
    compare(tmp_path, ["full"])
    with pytest.raises(ValueError, match=f"`{name}` differs"):
        compare(tmp_path, ["full"], **changes)


def test_development_seeds_have_no_place_in_a_table_with_others(tmp_path):
    settings = dict(development_split=0.2)
    with pytest.raises(ValueError, match="have no place in a table"):
        compare(tmp_path, ["full"], seeds=[0, 100], **settings)
    assert not list(tmp_path.iterdir())
    compare(tmp_path, ["full"], seeds=[0], **settings)
    with pytest.raises(ValueError, match="have no place in a table"):
        compare(tmp_path, ["full"], seeds=[100], **settings)


def test_arms_may_come_from_an_iterator(tmp_path):
    found = compare(tmp_path, (arm for arm in ["full"]), seeds=2)
    assert list(found["full"]) == [0, 1]


COMMAND = [
    sys.executable, "-m", "keras_amto", "compare", "--train-size", "100",
    "--network", "tests.experiments.test_networks:tiny", "--steps", "12",
    "--transfer-interval", "4", "--num-tasks", "2", "--batch-size", "16",
    "--seeds", "1",
]  # fmt: skip


@pytest.mark.slow
def test_killed_halfway_it_finishes_with_the_same_table(tmp_path):
    def results(output):
        return {
            arm: dataclasses.replace(found[0], seconds=0)
            for arm, found in load_results(output).items()
        }

    # Of each kind: with answers of its own, of others, and of independent runs.
    arms = [
        "full", "best_of_k", "amto_merge", "amto_merge_average",
        "amto_uniform", "plp",
    ]  # fmt: skip

    def command(output):
        return [*COMMAND, "--output", str(output), "--arms", *arms]

    assert main(command(tmp_path / "whole")[3:]) == 0
    killed = tmp_path / "killed"
    for wanted in (
        # Among the independent runs, the answers and the arms.
        killed / "unfinished" / "seed_0-run_2.npz",
        killed / "unfinished" / "seed_0-amto_merge.json",
        killed / "runs" / "amto_uniform-seed_0.json",
    ):
        process = subprocess.Popen(
            command(killed),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not wanted.exists():
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = len(list((killed / "runs").glob("*.json")))
    assert done < len(arms)
    process = subprocess.run(
        command(killed), check=True, cwd=ROOT, capture_output=True, text=True
    )
    assert f"{done} of {len(arms)} runs are done already" in process.stdout
    assert len(results(killed)) == len(arms)
    assert results(killed) == results(tmp_path / "whole")


@pytest.mark.slow
def test_every_arm_runs_on_another_backend(tmp_path):
    pytest.importorskip("jax", reason="runs on JAX")
    output, environment = tmp_path / "output", ROOT / ".venv"
    cache = (environment if environment.exists() else tmp_path) / "jax"
    subprocess.run(
        [*COMMAND, "--steps", "5", "--output", str(output)],
        check=True,
        cwd=ROOT,
        capture_output=True,
        env=os.environ
        | {
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            # Equal networks are compiled once, also for `make test-jax`.
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
    )
    done = {path.stem for path in (output / "runs").glob("*.json")}
    assert done == {f"{arm}-seed_0" for arm in ARMS}


def test_the_command_shows_progress_and_the_table(tmp_path, capfd):
    arguments = [
        *COMMAND[3:], "--arms", "full", "--seeds", "0,5",
        "--output", str(tmp_path),
    ]  # fmt: skip
    assert main(arguments) == 0
    printed = capfd.readouterr().out
    for seed in (0, 5):
        assert f"[1/1] seed {seed} full: test accuracy" in printed
    assert printed.count("| full | 2 |") == printed.count("| full |") == 1
    table = (tmp_path / "report.md").read_text()
    (tmp_path / "report.md").unlink()
    assert main(["compare", "--report-only", "--output", str(tmp_path)]) == 0
    assert (tmp_path / "report.md").read_text() == table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # Of several seeds, by a process that checks for all.
        (["--arms", "best"], "`arms` is unknown"),
        (["--seeds", "1", "--arms", "best"], "`arms` is unknown"),
        (["--seeds", "1", "--train-size", "1797"], "leaves nothing to test on"),
        (["--seeds", "1", "--steps", "0"], "`steps` is too small"),
        (["--seeds", "0"], "`seeds` is too small"),
        (["--seeds", "1", "--data", "mnist"], "There are no such data"),
        (["--report-only"], "There is no comparison"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path, capsys, arguments, message):
    output = tmp_path / "output"
    assert main(["compare", "--output", str(output), *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


def test_without_scipy_nothing_is_trained(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ImportError, match=r"pip install scipy"):
        compare(tmp_path / "output", ["full"])
    assert not (tmp_path / "output").exists()


def test_bad_arguments_of_the_function_are_refused(tmp_path):
    x, y = digits(100)
    with pytest.raises(TypeError, match="every arm needs a fresh network"):
        keras_amto.compare(network(), x, y, tmp_path, train_size=50)
    with pytest.raises(ValueError, match="nothing to test on"):
        keras_amto.compare(network, x, y, tmp_path)
    with pytest.raises(ValueError, match="too few outputs"):
        keras_amto.compare(
            lambda: tiny((64,), 3), x, y, tmp_path, train_size=50
        )
    with pytest.raises(ValueError, match="no class indices"):
        keras_amto.compare(network, x, y * 1.0, tmp_path, train_size=50)
    with pytest.raises(ValueError, match="do not belong together"):
        keras_amto.compare(network, x, y[:-1], tmp_path, train_size=50)
    with pytest.raises(TypeError, match="is not a NumPy array"):
        keras_amto.compare(network, list(x), y, tmp_path, train_size=50)


class Hiding(Subclassed):
    """Answers with numbers whatever its weights have become."""

    def call(self, inputs):
        return keras.ops.nan_to_num(self.top(inputs))


@pytest.mark.filterwarnings("ignore:.*encountered in")
def test_diverged_is_what_training_says_and_not_what_answers_look_like(
    tmp_path, monkeypatch
):
    def diverge(*_, **__):
        raise DivergedError

    monkeypatch.setattr(repetition, "train_amto", diverge)
    found = compare(tmp_path, ["sto", "ensemble", "soup"], network=Hiding)
    assert found["sto"][0].test_accuracy == 0.0
    assert found["ensemble"][0].test_accuracy == 0.0


@pytest.mark.filterwarnings("ignore:.*encountered in")
def test_a_network_that_has_diverged_is_right_about_nothing(tmp_path):
    rate = keras.optimizers.SGD(1e30)
    arms = ["full", "sto", "best_of_k", "soup", "ensemble", "amto_average"]
    found = compare(tmp_path, arms, optimizer=rate, steps=8)
    assert set(found) == set(arms)
    for by_seed in found.values():
        assert by_seed[0].test_accuracy == 0.0
        assert by_seed[0].test_loss == pytest.approx(-np.log(1e-7), rel=1e-3)
    assert found["sto"][0].training_steps == 8
    assert found["amto_average"][0].training_steps == 32

    def refuse(name):
        raise ValueError(name)

    text = (tmp_path / "runs.json").read_text()
    json.loads(text, parse_constant=refuse)  # NaN is none of JSON


def test_a_published_table_is_reported_without_its_settings(tmp_path, capsys):
    compare(tmp_path, ["full"])
    (tmp_path / "settings.json").unlink()
    assert main(["compare", "--output", str(tmp_path), "--report-only"]) == 0
    assert "## Settings" not in (tmp_path / "report.md").read_text()


def test_damaged_settings_are_named(tmp_path):
    compare(tmp_path, ["full"])
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(ValueError, match=r"damaged.*settings\.json"):
        compare(tmp_path, ["full"])
