"""docs/results.md says what docs/results/*.csv holds."""

import itertools
import re

import numpy as np
import pytest

from benchmarks import best_for_cost
from benchmarks import ladder
from benchmarks import tuning
from examples import reproduce_plp
from keras_amto.experiments.arms import ARMS
from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.experiment import DEVELOPMENT_SEEDS
from keras_amto.experiments.results import Result
from keras_amto.experiments.results import read_table
from keras_amto.statistics import difference
from keras_amto.statistics import p_text
from keras_amto.statistics import sign_flip_p
from tests.conftest import ROOT

FILES = sorted((ROOT / "docs" / "results").glob("*.csv"))
PAGE = (ROOT / "docs" / "results.md").read_text("utf-8")


def read(path):
    return Comparison(read_table(path))


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


LADDERS = sorted((ROOT / "docs" / "results" / "ladder").glob("*.csv"))


@pytest.mark.parametrize("path", LADDERS, ids=lambda path: path.stem)
def test_the_ladder_is_that_of_the_runs(path):
    assert "\n".join(ladder.table(ladder.of_csv(path))) in PAGE


TUNINGS = sorted((ROOT / "docs" / "results" / "tuning").glob("*.csv"))


@pytest.mark.parametrize("path", TUNINGS, ids=lambda path: path.stem)
def test_settings_were_chosen_by_what_the_runs_say(path):
    trials = tuning.read_trials(path)
    assert f"--output tuning/{path.stem} " in PAGE
    assert "\n".join(tuning.table(trials)) in PAGE
    assert all(trial.seed >= DEVELOPMENT_SEEDS for trial in trials)


COLUMNS = (
    "digits", "fashion_2000", "fashion_10000", "rsscn7_squeezenet",
    "rsscn7_mobilenet_v2",
)  # fmt: skip
SUMMARY = {
    "sto": "one network, one split",
    "full": "one network on everything",
    "best_of_k": "the best of eight networks",
    "ensemble": "four networks that answer together",
}


def lead_of_amto(name, other):
    scores = read(ROOT / "docs" / "results" / f"{name}.csv").test_accuracies
    return difference(scores["amto"], scores[other])


def interval(found):
    return f"{100 * found.low:+.2f} to {100 * found.high:+.2f}"


def summary_row(other):
    cells = []
    for name in COLUMNS:
        found = lead_of_amto(name, other)
        mean = f"{100 * found.mean:+.2f}"
        if found.verdict in ("higher", "lower"):
            mean = f"**{mean}**"
        cells.append(f"{mean} ({interval(found)})")
    return " | ".join(cells)


@pytest.mark.parametrize("other", SUMMARY)
def test_the_summary_is_that_of_the_runs(other):
    (line,) = [
        line
        for line in PAGE.splitlines()
        if line.startswith(f"| {SUMMARY[other]} |")
    ]
    assert line.endswith(f"| {summary_row(other)} |")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_interval_and_p_in_a_sentence_is_one_of_the_runs(path):
    scores = read(path).test_accuracies
    found = [
        difference(scores[one], scores[other])
        for one, other in itertools.permutations(scores, 2)
    ]
    section = section_of(path).partition("\n## ")[0]
    prose = " ".join(
        line.strip()
        for line in section.splitlines()
        if not line.startswith("|")
    )
    intervals = re.findall(r"[+-]\d+\.\d\d to [+-]\d+\.\d\d", prose)
    assert intervals
    assert set(intervals) <= {interval(each) for each in found}
    p_values = re.findall(r"p = (\d\.\d+)", prose)
    assert set(p_values) <= {p_text(each.p) for each in found}


def test_what_is_said_of_the_five_comparisons_holds():
    leads = {name: lead_of_amto(name, "sto") for name in COLUMNS}
    assert all(each.mean > 0 for each in leads.values())
    assert [each.verdict for each in leads.values()] == ["higher", *[None] * 4]
    behind = [lead_of_amto(name, "ensemble").mean for name in COLUMNS]
    assert all(mean < 0 for mean in behind)
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert leads["digits"].seeds == 20
    p = p_text(leads["digits"].p)
    assert f"confirms it (digits, 20 seeds, p = {p})" in readme
    assert f"against the conventional way (p = {p})" in " ".join(PAGE.split())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_arm_ran_on_the_same_seeds(path):
    seeds = {arm: list(results) for arm, results in read(path).items()}
    assert len({tuple(each) for each in seeds.values()}) == 1, seeds
    assert len(seeds["sto"]) >= 3


TUNED = [path for path in FILES if path.stem.endswith("_tuned")]


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_what_to_use_is_what_is_best_for_its_cost(page, capsys):
    assert TUNED
    table = "\n".join(best_for_cost.main(list(map(str, TUNED))))
    text = (ROOT / page).read_text("utf-8")
    assert table in text
    # It is what the page begins with.
    first = re.search(r"^## (.*)$", text, re.MULTILINE)
    assert first is not None
    assert first[1] == "What should I use?"


def test_what_costs_more_is_no_answer():
    def result(accuracy, steps):
        return {0: Result(0, accuracy, 0.0, None, None, steps, steps, 1.0)}

    comparison = Comparison(
        {
            "full": result(0.5, 10),
            "full_long": result(0.9, 80),
            "papa_all": result(0.7, 80),
            "full_ensemble": result(0.99, 40),
            "soup": result(0.6, 40),
        }
    )
    found = [
        best_for_cost.best_arm(
            comparison, best_for_cost.affordable(comparison, budget)
        )
        for budget in (1, 4, 8)
    ]
    assert found == ["full", "soup", "full_long"]


def made_up(leads):
    """A comparison of `full` with arms of so much more on each seed."""

    def results(accuracies):
        return {
            seed: Result(seed, value, 0.0, None, None, 10, 10, 1.0)
            for seed, value in enumerate(accuracies)
        }

    arms = zip(list(ARMS)[4:], leads, strict=False)
    reference = {"full": results([0.5] * len(leads[0]))}
    return Comparison(
        reference
        | {arm: results([0.5 + lead for lead in own]) for arm, own in arms}
    )


def gain_of(comparison, arm):
    return best_for_cost.gain(comparison, arm, list(comparison))


@pytest.mark.parametrize("seeds", [5, 6, 8])
def test_the_gain_of_an_only_arm_has_the_p_of_the_sign_flip_test(seeds):
    lead = np.random.default_rng(seeds).normal(0.01, 0.02, seeds)
    comparison = made_up([lead])
    (arm,) = set(comparison) - {"full"}
    found = gain_of(comparison, arm)
    assert found.p == pytest.approx(sign_flip_p(lead))
    assert found.mean == pytest.approx(lead.mean())
    assert found.low < found.mean < found.high


def test_an_arm_of_the_same_lead_on_all_seeds_has_the_least_p():
    comparison = made_up([[0.02] * 6, [0.0] * 6])
    arm = next(a for a in comparison if comparison[a][0].test_accuracy == 0.52)
    assert gain_of(comparison, arm).p == pytest.approx(2 / 2**6)
    alone = made_up([[0.02]])
    (arm,) = set(alone) - {"full"}
    assert np.isnan(gain_of(alone, arm).p)


def test_who_chooses_among_more_arms_is_less_sure():
    generator = np.random.default_rng(0)
    leads = generator.normal(0.01, 0.02, (12, 8))
    best = leads[0] = np.abs(leads[0]) + 0.02
    few, many = made_up(leads[:2]), made_up(leads)
    arm = next(each for each in few if few[each][0].test_accuracy != 0.5)
    alone, among = gain_of(few, arm), gain_of(many, arm)
    assert alone.mean == among.mean == pytest.approx(best.mean())
    assert alone.p <= among.p
    assert among.high - among.low > alone.high - alone.low


def test_the_best_of_arms_without_effect_is_seldom_significant():
    generator = np.random.default_rng(1)
    found = []
    for _ in range(200):
        leads = generator.normal(0, 0.02, (10, 7))
        comparison = made_up(leads)
        arms = [each for each in comparison if each != "full"]
        found.append(
            gain_of(comparison, best_for_cost.best_arm(comparison, arms)).p
        )
    # By itself, each best arm's p would be below 0.05 far more often.
    assert np.mean(np.array(found) < 0.05) < 0.09


def test_three_data_sets_have_results():
    names = {path.stem.partition("_")[0] for path in FILES}
    assert names == {"digits", "fashion", "rsscn7"}


PLP_PAGE = (ROOT / "docs" / "plp.md").read_text("utf-8")
PLP_RUNS = ROOT / "docs" / "results" / "plp" / "small.csv"


def leads_of_linear_prediction():
    """By network and part: less its control, paired by seed."""
    runs = reproduce_plp.of_csv(PLP_RUNS)
    return {
        (network, part): difference(
            *(
                reproduce_plp.scores_of(runs, network, part, arm)
                for arm in ("linear_prediction", "sgd_7_6")
            )
        )
        for network, part in itertools.product(
            reproduce_plp.NETWORKS, reproduce_plp.PARTS
        )
    }


def test_the_table_of_the_plp_experiment_is_that_of_its_runs():
    runs = reproduce_plp.of_csv(PLP_RUNS)
    assert "\n".join(reproduce_plp.table(runs)) in PLP_PAGE


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("vgg16", "VGG16"), ("resnet18", "ResNet18"), ("googlenet", "GoogLeNet")
    ],
)  # fmt: skip
def test_a_sentence_says_whether_linear_prediction_beats_its_control(
    network, name
):
    prose = " ".join(PLP_PAGE.split())
    leads = leads_of_linear_prediction()
    cyclic, constant = (
        f"{leads[network, part].mean:+.2f} points "
        f"(p = {p_text(leads[network, part].p)})"
        for part in reproduce_plp.PARTS
    )
    assert (
        f"**{name}**: {cyclic} with the cyclic rate, "
        f"{constant} with the constant one." in prose
    )
    # No verdict: so few seeds cannot have p below 0.05.
    assert all(lead.verdict is None for lead in leads.values())
