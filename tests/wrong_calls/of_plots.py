"""Wrong calls of the functions that draw, and of those that compute."""

from keras_amto import Ledger
from keras_amto import plots
from tests.plots.runs import finalists
from tests.plots.runs import one_task
from tests.plots.runs import three_tasks
from tests.wrong_calls.kinds import INFINITY
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import boolean
from tests.wrong_calls.kinds import instance
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import text
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee

_SCORES = {"sto": {0: 0.5, 1: 0.6}, "amto": {0: 0.6, 1: 0.7}}
_LEDGER = (*instance(), *values(of_no_round=Ledger()))
_OF_TWO = (*_LEDGER, *values(of_one_task=one_task()))
_WINNER = (
    *integer(0, optional=True),
    *values(no_such_task=3),
)
_AX = instance(optional=True)
_SCORED = (
    *types(
        a_number=3,
        None_=None,
        text="text",
        a_list=[0.5],
        of_numbers={"sto": 0.5},
        of_lists={"sto": [0.5]},
        in_words={"sto": {0: "0.5"}},
        of_None={"sto": {0: None}},
        by_numbers={3: {0: 0.5}},
    ),
    *values(
        empty={},
        of_no_seed={"sto": {}},
        NaN={"sto": {0: NAN}},
        percent={"sto": {0: 96.5}},
        negative={"sto": {0: -0.1}},
    ),
)
_AT_A_COST = (
    *types(
        a_number=3,
        None_=None,
        text="text",
        a_list=[0.5],
        of_numbers={"sto": 0.5},
        without_a_cost={"sto": {0: 0.5}},
        of_lists={"sto": {1: [0.5]}},
        in_words={"sto": {1: {0: "0.5"}}},
        by_words={"sto": {"one": {0: 0.5}}},
        by_numbers={3: {1: {0: 0.5}}},
    ),
    *values(
        empty={},
        of_no_cost={"sto": {}},
        of_no_seed={"sto": {1: {}}},
        NaN={"sto": {1: {0: NAN}}},
        percent={"sto": {1: {0: 96.5}}},
        at_no_cost={"sto": {0: {0: 0.5}}},
        at_a_cost_that_is_NaN={"sto": {NAN: {0: 0.5}}},
        at_an_infinite_cost={"sto": {INFINITY: {0: 0.5}}},
    ),
)
_ROUNDS = (
    *types(
        a_number=3,
        text="first",
        of_text=["0"],
        of_fractions=[0.5],
        of_NaN=[NAN],
    ),
    *values(empty=[], that_are_not=[3], before_the_first=[-4]),
)


def _callee(name, **valid):
    function = getattr(plots, name)
    return Callee(f"plots.{name}", lambda _, **given: function(**valid | given))


def _rows(name, valid, **cases):
    """Rows of what computes a picture and of what draws it."""
    data, drawing = _callee(f"{name}_data", **valid), _callee(name, **valid)
    return (
        [data, drawing],
        [*data.rows(**cases), *drawing.rows(**cases, ax=_AX)],
    )


_PAIRS = [
    _rows("comparison", {"scores": _SCORES}, scores=_SCORED, reference=text()),
    _rows("ladder", {"scores": {"sto": {1: {0: 0.5}}}}, scores=_AT_A_COST),
    _rows("entropy", {"ledger": three_tasks()}, ledger=_OF_TWO),
    _rows("finalists", {"finalists": finalists()}, finalists=instance()),
    _rows(
        "lineage",
        {"ledger": three_tasks()},
        ledger=_LEDGER,
        winner=_WINNER,
        restore_best_weights=boolean(),
    ),
    _rows(
        "relationships",
        {"ledger": three_tasks()},
        ledger=_OF_TWO,
        rounds=_ROUNDS,
    ),
]
_CURVES_DATA = _callee("curves_data", ledger=three_tasks())
_CURVES = _callee("curves", ledger=three_tasks())

CALLEES = [
    *(callee for callees, _ in _PAIRS for callee in callees),
    _CURVES_DATA,
    _CURVES,
]
ROWS = [
    *(row for _, rows in _PAIRS for row in rows),
    *_CURVES_DATA.rows(ledger=_LEDGER),
    *_CURVES.rows(ledger=_LEDGER, winner=_WINNER, ax=_AX),
]
