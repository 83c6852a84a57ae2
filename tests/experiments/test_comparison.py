"""Tables, CSV and JSON of a comparison."""

import json

import pytest

from keras_amto.experiments.comparison import Comparison
from tests.experiments.test_results import result


def test_the_table_has_means_errors_and_paired_differences():
    comparison = Comparison(
        {
            "sto": {0: result(0, 0.5), 1: result(1, 0.7)},
            "amto": {
                0: result(0, 0.6, validation_accuracy=1.0, seconds=6.0),
                1: result(1, 0.8, validation_accuracy=0.5, training_steps=40),
            },
        }
    )
    head, _, sto, amto = comparison.table().splitlines()
    assert [cell.strip() for cell in sto.split("|")[1:-1]] == [
        "sto", "2", "60.00", "10.00", "-", "-", "-", "-", "-", "10", "2.0",
        "2.0",
    ]  # fmt: skip
    assert [cell.strip() for cell in amto.split("|")[1:-1]] == [
        "amto", "2", "70.00", "10.00", "+10.00", "+10.00 to +10.00",
        "0.500", "-", "75.00", "25", "4.0", "3.2",
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
