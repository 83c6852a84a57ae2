"""docs/results.md says what docs/results/*.csv holds."""

import csv

import pytest

from keras_amto.comparison.arms import ARMS
from keras_amto.comparison.results import Comparison
from keras_amto.comparison.results import Result
from tests.conftest import ROOT

FILES = sorted((ROOT / "docs" / "results").glob("*.csv"))
PAGE = (ROOT / "docs" / "results.md").read_text("utf-8")


def read(path):
    def number(text):
        return float(text) if text else None

    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            arm, seed = line.pop("arm"), int(line.pop("seed"))
            figures = {name: number(text) for name, text in line.items()}
            figures["training_steps"] = int(line["training_steps"])
            found.setdefault(arm, {})[seed] = Result(seed, **figures)
    return Comparison({arm: found[arm] for arm in ARMS if arm in found})


def section_of(path):
    """What follows the command that makes the file, up to the next one."""
    _, command, rest = PAGE.partition(f"--output results/{path.stem} ")
    assert command, f"No command makes {path.name}."
    return rest.partition("--output results/")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tables_are_those_of_the_runs(path):
    comparison, section = read(path), section_of(path)
    for table in (
        comparison.table(),
        comparison.table_of_one("amto"),
        comparison.table_of_selection(),
    ):
        assert table in section


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_arm_ran_on_the_same_seeds(path):
    seeds = {arm: list(results) for arm, results in read(path).items()}
    assert len({tuple(each) for each in seeds.values()}) == 1, seeds
    assert len(seeds["sto"]) >= 3


def test_three_data_sets_have_results():
    names = {path.stem.partition("_")[0] for path in FILES}
    assert names == {"digits", "fashion", "rsscn7"}
