"""A command that runs each seed in a process of its own."""

import os
import subprocess
import sys

import pytest

from keras_amto.experiments.results import load_results
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

COMMAND = [
    sys.executable, "-m", "keras_amto", "compare", "--data", "digits",
    "--train-size", "100", "--steps", "4", "--transfer-interval", "2",
    "--num-tasks", "2", "--arms", "sto", "full", "--seeds", "2",
]  # fmt: skip

NETWORK = """
import os
import pathlib

from keras_amto.experiments.networks import make_network

def network(shape, classes):
    (pathlib.Path(__file__).parent / f"{os.getpid()}.pid").touch()
    return make_network("mlp", shape, classes)
"""


def run(output, *more):
    return subprocess.run(
        [*COMMAND, "--output", str(output), *more],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(output.parent), str(ROOT)])},
    )


@pytest.mark.parametrize("processes", ["1", "2"])
def test_every_seed_has_a_process_and_one_that_fails_is_named(
    tmp_path, processes
):
    (tmp_path / "some_network.py").write_text(NETWORK)
    output = tmp_path / "output"
    damaged = output / "unfinished" / "seed_1-run_0.npz"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("damaged")
    options = [
        "--processes", processes, "--network", "some_network:network"
    ]  # fmt: skip
    process = run(output, *options)
    assert process.returncode == 1
    assert "Some seeds have failed" in process.stderr
    assert "Received: [1]." in process.stderr
    assert "Traceback" not in process.stderr
    done = {arm: list(results) for arm, results in load_results(output).items()}
    assert done == {"sto": [0], "full": [0]}
    # That which checks what was asked for, and one for each seed.
    assert len(list(tmp_path.glob("*.pid"))) == 3

    damaged.unlink()
    process = run(output, *options)
    assert process.returncode == 0, process.stderr[-2000:]
    assert "2 of 2 runs are done already" in process.stdout
    assert process.stdout.count("| full | 2 |") == 1
    done = {arm: list(results) for arm, results in load_results(output).items()}
    assert done == {"sto": [0, 1], "full": [0, 1]}
    assert len((output / "runs.csv").read_text().splitlines()) == 5


def test_a_bug_is_shown_once_with_where_it_is(tmp_path):
    (tmp_path / "some_network.py").write_text(
        "def network(shape, classes):\n    return {}[classes]\n"
    )
    output = tmp_path / "output"
    process = run(output, "--network", "some_network:network")
    assert process.returncode == 1
    assert process.stderr.count("Traceback") == 1
    assert "some_network.py" in process.stderr
    assert not output.exists()
