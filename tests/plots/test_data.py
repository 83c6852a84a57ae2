"""What pictures show, told without matplotlib."""

import builtins
import dataclasses
import itertools
import math

import numpy as np
import pytest

from keras_amto import plots
from keras_amto.plots.lineage import Arc
from keras_amto.plots.lineage import Segment
from tests.plots import runs


@pytest.fixture(autouse=True)
def _without_matplotlib(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_drawing_without_matplotlib_says_how_to_get_it():
    with pytest.raises(ImportError, match=r"pip install matplotlib"):
        plots.curves(runs.three_tasks())


def test_curves_are_the_losses_before_the_decision():
    data = plots.curves_data(runs.three_tasks())
    assert data.steps.tolist() == [5, 10, 15]
    assert data.masters[:, 0].tolist() == [2.0, 0.9, 0.8]
    assert data.shadows[:, 1].tolist() == [3.0, 0.8, 1.0]
    assert data.accepted[1].tolist() == [False, True, True]


def test_a_diverged_loss_leaves_a_gap():
    ledger = runs.ledger_of([([1, 0], [np.inf, 1.0], [1.0, np.nan])])
    data = plots.curves_data(ledger)
    assert math.isnan(data.masters[0, 0])
    assert math.isnan(data.shadows[0, 1])


def test_one_task_has_no_shadow():
    assert plots.curves_data(runs.one_task()).shadows is None


def test_a_lane_takes_the_founder_of_the_donor():
    data = plots.lineage_data(runs.three_tasks())
    # Task 0 took over 1's network; then 1 and 2 took over what 0 had then.
    assert data.founders == [1, 1, 1]
    assert Segment(0, 0, 5, 0, False) in data.segments
    assert Segment(0, 5, 15, 1, False) in data.segments
    assert Segment(1, 0, 10, 1, False) in data.segments
    assert data.arcs == [
        Arc(1, 0, 0, 5, False),
        Arc(0, 1, 5, 10, False),
        Arc(0, 2, 5, 10, False),
    ]


def test_segments_cover_every_lane_once():
    ledger = runs.random_run(7)
    for winner in (None, 3):
        data = plots.lineage_data(ledger, winner)
        for task in range(7):
            parts = sorted(
                (s.begin, s.end) for s in data.segments if s.task == task
            )
            assert parts[0][0] == 0
            assert parts[-1][1] == data.last_step
            for (_, end), (begin, _) in itertools.pairwise(parts):
                assert end == begin


def test_the_ancestry_of_the_winner_is_one_line_from_the_start():
    data = plots.lineage_data(runs.three_tasks(), winner=2)
    # Founded in task 1, donated at step 0 to 0, there from step 5, donated
    # at once to 2, there from step 10; best at its arrival.
    bold = [s for s in data.segments if s.is_ancestor]
    assert [(s.task, s.begin, s.end) for s in bold] == [
        (1, 0, 0),
        (0, 5, 5),
        (2, 10, 10),
    ]
    assert [a for a in data.arcs if a.is_ancestor] == [
        Arc(1, 0, 0, 5, True),
        Arc(0, 2, 5, 10, True),
    ]
    assert data.winning_step == 10


def test_the_winner_is_traced_from_its_best_or_from_its_last_network():
    ledger = runs.ledger_of(
        [
            ([1, 0], [1.0, 1.0], [2.0, 2.0]),
            ([1, 0], [3.0, 1.0], [2.0, 2.0]),
        ]
    )
    # Task 0 was best at step 5, and took over 1's network afterwards.
    best = plots.lineage_data(ledger, winner=0)
    assert best.winning_step == 5
    assert not any(arc.is_ancestor for arc in best.arcs)
    last = plots.lineage_data(ledger, winner=0, restore_best_weights=False)
    assert last.winning_step == 10
    assert any(arc.is_ancestor for arc in last.arcs)


def test_trials_are_counted_by_pair_and_by_donor():
    data = plots.relationships_data(runs.three_tasks(), rounds=[0, 2])
    assert data.steps.tolist() == [5, 15]
    assert np.isnan(data.relationships[:, 0, 0]).all()
    assert data.relationships[0, 0, 1] == math.tanh(1.0)
    assert data.donor_counts.tolist() == [[0, 2, 1], [2, 0, 1], [2, 1, 0]]
    assert data.acceptance_rates[0, 1] == 0.5
    assert math.isnan(data.acceptance_rates[0, 0])
    assert data.donated.tolist() == [4, 3, 2]
    assert data.donated_accepted.tolist() == [2, 1, 0]


def test_relationships_are_shown_at_three_times():
    data = plots.relationships_data(runs.random_run(3, rounds=21))
    assert data.steps.tolist() == [150, 550, 1050]
    assert len(plots.relationships_data(runs.random_run(3, 1)).steps) == 1


def test_entropy_begins_at_its_maximum():
    data = plots.entropy_data(runs.random_run(5))
    assert data.maximum == 2.0
    np.testing.assert_allclose(data.entropies[0], 2.0)
    assert (data.entropies <= 2.0 + 1e-12).all()
    assert data.steps[0] == 0
    assert plots.entropy_data(runs.random_run(2)).maximum == 0


@pytest.mark.parametrize(
    ("table", "columns", "unit"),
    [
        (runs.finalists(), ["0", "1", "2", "harmonic"], "%"),
        (
            runs.finalists(clean=True),
            ["0", "1", "2", "harmonic", "clean"],
            "%",
        ),
        (runs.finalists(accuracy=False), ["0", "1", "2", "mean"], "loss"),
        (
            runs.finalists(accuracy=False, clean=True),
            ["0", "1", "2", "mean", "clean"],
            "loss",
        ),
    ],
)
def test_the_final_table_has_what_was_decided_by(table, columns, unit):
    data = plots.finalists_data(table)
    assert data.columns == columns
    assert data.values.shape == (3, len(columns))
    assert data.unit == unit
    assert data.winner == 1
    assert "winner: task 1" in data.title


def test_arms_are_compared_on_common_seeds_in_percent():
    data = plots.comparison_data(
        {"sto": {0: 0.5, 1: 0.75}, "amto": {0: 0.75, 1: 1.0}, "empty": {}}
    )
    assert data.arms == ["sto", "amto"]
    assert data.summaries[0].mean == 62.5
    assert data.differences[0] is None
    assert data.differences[1].mean == 25.0
    assert (data.differences[1].low, data.differences[1].high) == (25, 25)
    assert data.differences[1].p == 0.5


def test_a_winner_among_equals_is_told_from_them():
    table = runs.finalists()
    assert "equals" not in plots.finalists_data(table).title
    equal = dataclasses.replace(
        table, harmonic_accuracies=np.full(3, 0.9), winner=2
    )
    title = plots.finalists_data(equal).title
    assert "of 3 equals the lowest mean loss" in title


def test_products_are_rows_below_the_networks():
    data = plots.finalists_data(runs.finalists(2, answer="ensemble"))
    assert data.products == ["average", "ensemble"]
    assert data.values[2:, 0].tolist() == [96.0, 97.0]
    assert data.values.shape == (4, 3)
    assert (data.winner, data.answer) == (1, 3)
    assert "answers with the ensemble" in data.title


@pytest.mark.parametrize("accuracy", [True, False])
@pytest.mark.parametrize("clean", [True, False])
def test_products_fill_every_column(accuracy, clean):
    table = runs.finalists(3, accuracy, clean, answer="average")
    data = plots.finalists_data(table)
    assert data.values.shape == (5, len(data.columns))
    assert np.isfinite(data.values).all()


def test_a_ladder_has_a_mean_for_each_way_and_cost():
    scores = {0: 0.5, 1: 0.7}
    data = plots.ladder_data({"full": {8: scores, 1: {0: 0.5}}, "amto": {}})
    assert data.ways == ["full"]
    assert data.costs == [[1.0, 8.0]]
    assert [round(each.mean) for each in data.summaries[0]] == [50, 60]


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        ([], TypeError),
        ({"full": [0.5]}, TypeError),
        ({"full": {1: [0.5]}}, TypeError),
        ({"full": {0: {0: 0.5}}}, ValueError),
        ({"full": {1: {0: 1.5}}}, ValueError),
        ({"full": {1: {}}}, ValueError),
        ({}, ValueError),
    ],
)
def test_scores_that_make_no_ladder_are_refused(scores, kind):
    with pytest.raises(kind, match="Received"):
        plots.ladder_data(scores)
