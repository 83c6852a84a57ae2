"""The ledger and its file."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keras_amto import Ledger
from keras_amto.ledger import Finalists
from keras_amto.ledger import Lineage
from keras_amto.ledger import Record
from tests.plots.runs import finalists


def floats(shape):
    return npst.arrays(np.float64, shape, elements=st.floats())


@st.composite
def records(draw):
    m = draw(st.integers(1, 4))
    single = m == 1
    donors = npst.arrays(np.int64, m, elements=st.integers(0, m - 1))
    return Record(
        round=draw(st.integers(0, 10**6)),
        step=draw(st.integers(1, 10**9)),
        donors=None if single else draw(donors),
        donor_probabilities=None if single else draw(floats((m, m))),
        master_losses=draw(floats(m)),
        shadow_losses=None if single else draw(floats(m)),
        accepted=draw(npst.arrays(np.bool_, m)),
        relationships=draw(floats((m, m))),
        wait=draw(npst.arrays(np.int64, m, elements=st.integers(0, 99))),
    )


@given(st.lists(records(), max_size=5))
def test_a_saved_ledger_reads_back_equal(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("ledger") / "run.jsonl"
    ledger = Ledger(rows)
    ledger.save(path)
    again = Ledger.load(path)
    assert again == ledger
    for one, other in zip(ledger, again, strict=True):
        for name in ("master_losses", "relationships", "accepted", "wait"):
            a, b = getattr(one, name), getattr(other, name)
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@given(records())
def test_a_line_is_strict_json(record):
    def refuse(constant):
        raise AssertionError(constant)

    line = json.loads(record.to_json(), parse_constant=refuse)
    assert line["round"] == record.round


def record(**changes):
    values = dict(
        round=0,
        step=5,
        donors=np.array([1, 0]),
        donor_probabilities=np.eye(2)[::-1],
        master_losses=np.array([1.0, np.nan]),
        shadow_losses=np.array([0.5, 0.5]),
        accepted=np.array([True, True]),
        relationships=np.zeros((2, 2)),
        wait=np.array([0, 0]),
    )
    return Record(**(values | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"round": 1},
        {"donors": None},
        {"shadow_losses": np.array([0.5, 0.6])},
        {"accepted": np.array([True, False])},
    ],
)
def test_records_that_differ_are_not_equal(changes):
    assert record() == record()
    assert record(**changes) != record()


def test_a_record_cannot_be_changed():
    losses = np.array([1.0, 2.0])
    kept = record(master_losses=losses)
    losses[0] = 7
    assert kept.master_losses[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        kept.master_losses[0] = 3
    with pytest.raises(AttributeError):
        kept.round = 4


def test_a_ledger_is_readable_after_a_crash_at_any_byte(tmp_path):
    whole = "".join(record(round=i).to_json() + "\n" for i in range(3))
    path = tmp_path / "run.jsonl"
    line = len(whole) // 3
    for size in range(len(whole) + 1):
        path.write_bytes(whole.encode()[:size])
        if size % line:
            with pytest.warns(UserWarning, match="is cut short"):
                ledger = Ledger.load(path)
        else:
            ledger = Ledger.load(path)
        assert [each.round for each in ledger] == list(range(size // line))


def test_lineage_follows_accepted_shadows(tmp_path):
    def accept(step, donors, accepted):
        size = len(donors)
        return record(
            step=step,
            donors=np.array(donors),
            donor_probabilities=np.full((size, size), 0.5),
            accepted=np.array(accepted),
            master_losses=np.ones(size),
            shadow_losses=np.ones(size),
            relationships=np.zeros((size, size)),
            wait=np.zeros(size, int),
        )

    lineage = Lineage(
        [
            accept(5, [1, 2, 0], [True, False, False]),
            accept(10, [2, 0, 0], [False, True, True]),
            accept(15, [1, 0, 1], [True, True, False]),
        ]
    )
    ancestors = [(n.ancestor, n.task) for n in lineage.networks[3:]]
    # Both of the last round start from what the other was before it.
    assert ancestors == [(1, 0), (3, 1), (3, 2), (4, 0), (3, 1)]
    assert lineage.living == [6, 7, 5]
    assert [n.id for n in lineage.ancestry(0)] == [1, 3, 4, 6]
    lineage.save(tmp_path / "lineage.csv")
    rows = list(
        csv.DictReader((tmp_path / "lineage.csv").read_text().splitlines())
    )
    assert rows[0] == {
        "id": "0",
        "ancestor_list": '["NONE"]',
        "origin_time": "0",
        "destruction_time": "5",
        "task": "0",
    }
    assert rows[6]["ancestor_list"] == "[4]"
    assert rows[6]["destruction_time"] == "inf"


def test_a_ledger_is_a_sequence():
    ledger = Ledger([record(round=i) for i in range(3)])
    assert len(ledger) == 3
    assert ledger[-1].round == 2
    assert isinstance(ledger[1:], Ledger)
    assert [r.round for r in ledger[1:]] == [1, 2]
    assert "3 rounds" in repr(ledger)
    assert ledger != [1, 2, 3]


@pytest.mark.parametrize("line", ["{", "[1]", '{"round": 1}', "hello", "é"])
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "run.jsonl"
    path.write_text(record().to_json() + "\n" + line + "\n")
    with pytest.raises(ValueError, match=r"Line 2 of .*run\.jsonl"):
        Ledger.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_finalists_keep_figures_that_are_not_finite(value):
    table = finalists(clean=True, answer="average")
    spoiled = dataclasses.replace(table.products[1], clean_loss=float(value))
    table = dataclasses.replace(table, products=(table.products[0], spoiled))
    again = Finalists.from_json(table.to_json())
    np.testing.assert_array_equal(again.products[1].clean_loss, value)
    assert str(again) == str(table)
