"""Placement changes nothing, on any number of devices.

TensorFlow's devices are set up once a process, so these are processes.
"""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.conftest import needs_tensorflow

pytestmark = needs_tensorflow


@functools.cache
def outcomes(directory, devices, *options):
    """What runs on these numbers of devices have come to."""
    path = directory / f"{devices}{''.join(options)}.json"
    process = subprocess.run(
        [sys.executable, "-m", "tests.placement.training", str(path), devices,
         *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("placement")


@pytest.mark.parametrize("devices", ["2", "3", "8"])
def test_placement_changes_no_bit(directory, devices):
    found = outcomes(directory, "1,2,3,8")
    assert found[devices] == found["1"]


def test_the_compared_runs_accept_and_refuse_shadows(directory):
    ledger = outcomes(directory, "1,2,3,8")["1"]["ledger"]
    accepted = np.array([json.loads(line)["accepted"] for line in ledger])
    assert accepted.any()
    assert not accepted.all()


def test_placement_changes_nothing_that_layers_draw_in_evaluation(directory):
    one, three = outcomes(directory, "1,3", "--draws").values()
    assert one == three


def test_placement_changes_no_bit_of_merged_and_averaged_networks(directory):
    # Of three devices, two have a master or a shadow each, and one has both.
    one, three = outcomes(directory, "1,3", "--merge").values()
    assert one == three


def test_placement_changes_nothing_under_xla(directory):
    one, two = outcomes(directory, "1,2", "--jit").values()
    assert one["jit"]
    assert two["jit"]
    for a, b in zip(one["ledger"], two["ledger"], strict=True):
        a, b = json.loads(a), json.loads(b)
        assert a["donors"] == b["donors"]
        assert a["accepted"] == b["accepted"]
    winners = [json.loads(o["finalists"])["winner"] for o in (one, two)]
    assert winners[0] == winners[1]
    for a, b in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_what_needs_eight_devices_holds():
    """Runs the tests of that file in a process that has eight."""
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/placement/on_eight_devices.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
