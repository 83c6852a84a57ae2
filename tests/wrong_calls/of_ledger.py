"""Wrong calls about what a run leaves: ledger, lineage and final table."""

import json
import pathlib

from keras_amto import Ledger
from keras_amto.ledger import Finalists
from keras_amto.ledger import Lineage
from keras_amto.ledger import Record
from keras_amto.ledger import replay
from tests.plots.runs import finalists
from tests.plots.runs import three_tasks
from tests.wrong_calls.kinds import at_least_zero
from tests.wrong_calls.kinds import instance
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import path
from tests.wrong_calls.kinds import share
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee
from tests.wrong_calls.table import Made

RECORD = three_tasks()[0].to_json()


def changed(**changes):
    """A line of a ledger in which something else stands."""
    return json.dumps(json.loads(RECORD) | changes)


def file_of(*lines, name="ledger.jsonl"):
    def make():
        path = pathlib.Path(name)
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return Made(make)


def _saved(_):
    return file_of(RECORD, name="valid.jsonl").make()


_RECORDS = (
    *instance(),
    *types(of_lines=[RECORD], of_None=[None]),
)
_FILES = (
    *path(),
    *values(
        a_broken_line=file_of(RECORD, "{]", RECORD),
        a_line_of_something_else=file_of('{"a": 1}'),
    ),
)
_TEXT = types(a_number=3, None_=None, a_list=[], a_dict={})
_NO_JSON = values(
    empty="",
    prose="nonsense",
    text_of_a_list="[]",
    text_of_a_number="3",
    text_of_an_object="{}",
)

LEDGER = Callee(
    "Ledger", lambda _, **given: Ledger(**({"records": []} | given))
)
SAVE = Callee(
    "Ledger.save",
    lambda _, **given: three_tasks().save(**({"path": "ledger.jsonl"} | given)),
)
LOAD = Callee(
    "Ledger.load",
    lambda _, **given: Ledger.load(**({"path": _saved(_)} | given)),
)
FROM_JSON = Callee(
    "ledger.Record.from_json",
    lambda _, **given: Record.from_json(**({"line": RECORD} | given)),
)
REPLAY = Callee(
    "ledger.replay",
    lambda _, **given: replay(**({"path": _saved(_)} | given)),
)
LINEAGE = Callee(
    "ledger.Lineage",
    lambda _, **given: Lineage(**({"records": three_tasks()} | given)),
)
ANCESTRY = Callee(
    "ledger.Lineage.ancestry",
    lambda _, **given: Lineage(three_tasks()).ancestry(**({"task": 0} | given)),
)
SAVE_LINEAGE = Callee(
    "ledger.Lineage.save",
    lambda _, **given: Lineage(three_tasks()).save(
        **({"path": "lineage.csv"} | given)
    ),
)
FINALISTS = Callee(
    "ledger.Finalists.from_json",
    lambda _, **given: Finalists.from_json(
        **({"text": finalists().to_json()} | given)
    ),
)

CALLEES = [
    LEDGER, SAVE, LOAD, FROM_JSON, REPLAY, LINEAGE, ANCESTRY, SAVE_LINEAGE,
    FINALISTS,
]  # fmt: skip
ROWS = [
    *LEDGER.rows(records=_RECORDS),
    *SAVE.rows(path=path()),
    *LOAD.rows(path=_FILES),
    *FROM_JSON.rows(
        line=(
            *_TEXT,
            *_NO_JSON,
            *values(
                with_a_donor_that_is_not=changed(donors=[1, 2, 9]),
                with_a_negative_donor=changed(donors=[1, 2, -1]),
                with_too_few_losses=changed(master_losses=[1.0]),
                with_relationships_of_another_shape=changed(
                    relationships=[[0.0]]
                ),
                with_losses_in_words=changed(master_losses=["a", "b", "c"]),
                with_a_round_in_words=changed(round="first"),
                with_a_negative_step=changed(step=-1),
            ),
        )
    ),
    *REPLAY.rows(
        path=(*_FILES, *values(without_a_round=file_of())),
        relationship_decay=share(zero=False, one=True),
        min_delta=at_least_zero(),
    ),
    *LINEAGE.rows(records=_RECORDS),
    *ANCESTRY.rows(task=(*integer(0), *values(no_such_task=3))),
    *SAVE_LINEAGE.rows(path=path()),
    *FINALISTS.rows(text=(*_TEXT, *_NO_JSON)),
]
