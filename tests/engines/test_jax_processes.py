"""Several processes train one population, on JAX."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.conftest import needs_jax
from tests.placement.machines import free_port

pytestmark = needs_jax


def run(root, count, *options, first_options=()):
    """Runs processes to their ends; returns their exit codes and outputs."""
    port = str(free_port())
    processes = []
    for index in range(count):
        directory = root / str(index)
        directory.mkdir(parents=True, exist_ok=True)
        given = [*options, *(first_options if index == 0 else ())]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.engines.in_jax_processes", port,
                 str(count), str(index), str(directory), *given],
                cwd=ROOT,
                env=os.environ | {"XLA_FLAGS": ""},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )  # fmt: skip
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    return [process.returncode for process in processes], outputs


def results(root, count):
    return [
        json.loads((root / str(index) / "result.json").read_text())
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    root = tmp_path_factory.mktemp("alone")
    codes, outputs = run(root, 1)
    assert codes == [0], outputs
    return results(root, 1)[0]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    root = tmp_path_factory.mktemp("together")
    codes, outputs = run(root, 2)
    assert codes == [0, 0], outputs
    return results(root, 2)


def test_all_processes_end_with_the_same_run(together):
    one, other = together
    assert one == other


def test_tasks_are_spread_over_the_processes(together):
    masters = [row[1] for row in together[0]["placement"]]
    shadows = [row[2] for row in together[0]["placement"]]
    assert len(set(masters + shadows)) == 2
    # That of the task in the middle lie apart.
    assert masters[1] != shadows[1]


def test_the_run_is_that_of_one_process(alone, together):
    records = [
        [json.loads(line) for line in each["ledger"]]
        for each in (alone, together[0])
    ]
    for one, other in zip(*records, strict=True):
        assert one["donors"] == other["donors"]
        assert one["accepted"] == other["accepted"]
    np.testing.assert_allclose(
        alone["losses"], together[0]["losses"], rtol=1e-4, atol=1e-5
    )
    assert alone["epochs"] == together[0]["epochs"]


def test_a_run_that_was_killed_goes_on_with_the_same_result(tmp_path, together):
    codes, outputs = run(tmp_path, 2, "--stop-after", "3")
    assert codes == [0, 0], outputs
    # One process has fallen behind: the first one's backup counts.
    for path in (tmp_path / "1" / "backup").iterdir():
        path.unlink()
    codes, outputs = run(tmp_path, 2)
    assert codes == [0, 0], outputs
    assert results(tmp_path, 2) == together


def test_processes_with_other_weights_are_refused(tmp_path):
    codes, outputs = run(tmp_path, 2, first_options=["--seed", "1"])
    assert 0 not in codes
    for output in outputs:
        assert "The processes of a run do not do the same" in output


def test_a_failure_in_one_process_ends_all(tmp_path):
    codes, outputs = run(tmp_path, 2, "--fail")
    assert 0 not in codes
    assert "OSError: no disk" in outputs[0]
    assert "Process 0 of this run has failed" in outputs[1]
