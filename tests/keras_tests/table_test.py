"""The table itself."""

import re

import pytest

from tests.keras_tests.table import FAILING
from tests.keras_tests.table import NEEDS
from tests.keras_tests.table import SKIPPED

_TABLES = {"FAILING": FAILING, "NEEDS": NEEDS, "SKIPPED": SKIPPED}


@pytest.mark.parametrize("table", _TABLES)
def test_keras_has_every_test_of_the_table(
    table: str, collected: set[str]
) -> None:
    files = {name.split("::")[0] for name in collected}
    wanted = {name for name in _TABLES[table] if name.split("::")[0] in files}
    assert wanted - collected == set()


def test_no_test_stands_in_two_tables() -> None:
    names = [name for table in _TABLES.values() for name in table]
    assert len(names) == len(set(names))


def test_every_message_of_the_table_is_a_pattern_that_says_something() -> None:
    for entry in FAILING.values():
        assert not re.search(entry.message, "")
