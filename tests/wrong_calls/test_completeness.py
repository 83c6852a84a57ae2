"""The table of wrong calls leaves out no parameter of a public callable."""

import pytest

from tests.wrong_calls import ROW_MODULES
from tests.wrong_calls.public import EXEMPT
from tests.wrong_calls.public import public_parameters

ROWS = [row for module in ROW_MODULES for row in module.ROWS]
PARAMETERS = {
    f"{name}({parameter})"
    for name, parameters in public_parameters().items()
    for parameter in parameters
}
COVERED = {f"{row.callee}({row.parameter})" for row in ROWS}


def is_exempt(parameter):
    return parameter in EXEMPT or parameter.partition("(")[0] in EXEMPT


def test_every_parameter_of_a_public_callable_has_a_wrong_call():
    assert sorted(p for p in PARAMETERS - COVERED if not is_exempt(p)) == []


@pytest.mark.parametrize(
    "parameter",
    [
        "AMTOModel(num_tasks)",
        "AMTOModel.fit(validation_freq)",
        "compare(arms)",
        "ledger.Lineage.ancestry(task)",
        "plots.lineage(winner)",
    ],
)
def test_public_parameters_are_found(parameter):
    assert parameter in PARAMETERS


def test_what_is_exempt_exists_and_has_no_wrong_call():
    names = PARAMETERS | set(public_parameters())
    assert sorted(set(EXEMPT) - names) == []
    assert sorted(p for p in COVERED if is_exempt(p)) == []


def test_wrong_calls_are_of_public_parameters():
    # A method that takes whatever comes has no parameter of a name.
    unknown = sorted(COVERED - PARAMETERS)
    assert unknown == ["AMTOModel.train_on_batch(train_on_batch)"]
