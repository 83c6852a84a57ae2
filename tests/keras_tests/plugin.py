"""What pytest has to know to run Keras' tests from its wheel."""

import importlib.util
import pathlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

import keras
import keras.src.backend.tensorflow.trainer as keras_trainer
import pytest

from tests.keras_tests.detour import Detour
from tests.keras_tests.table import FAILING
from tests.keras_tests.table import NEEDS
from tests.keras_tests.table import SKIPPED
from tests.keras_tests.trainer_model import TrainerModel

_SOURCE = pathlib.Path(keras.src.__file__).parent
COLLECTED = pytest.StashKey[set[str]]()

with mock.patch.object(keras_trainer, "TensorFlowTrainer", TrainerModel):
    # pytest finds it imported, with that as its `Trainer`.
    import keras.src.trainers.trainer_test


def _skip_if_backend(given_backend: str, reason: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        keras.config.backend() == given_backend, reason=reason
    )


# The root of Keras' repository, which is not in its wheel.
_conftest = types.ModuleType("conftest")
_conftest.skip_if_backend = _skip_if_backend  # type: ignore[attr-defined]
sys.modules["conftest"] = _conftest


def name_of(item: pytest.Item) -> str | None:
    """How the table calls a test, `None` for those that are not Keras'."""
    if not item.path.is_relative_to(_SOURCE):
        return None
    path = item.path.relative_to(_SOURCE).as_posix()
    return "::".join((path, item.parent.name, item.name))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-detour", action="store_true", help="run them as Keras does"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    config.stash[COLLECTED] = set(filter(None, map(name_of, items)))
    for item in items:
        module = NEEDS.get(name_of(item))
        if module is not None and importlib.util.find_spec(module) is None:
            item.add_marker(pytest.mark.skip(reason=f"needs {module}"))
        entry = FAILING.get(name_of(item))
        if entry is not None and not config.getoption("--no-detour"):
            reason = f"{entry.reason.value}: {entry.why}"
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    keras.utils.set_random_seed(0)
    if item.config.getoption("--no-detour"):
        return (yield)
    with Detour().taken():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Iterator[None]:
    report = yield
    name = name_of(item)
    if name is None:
        return report
    if report.skipped and hasattr(report, "wasxfail"):
        wanted = FAILING[name].message
        if not re.search(wanted, str(call.excinfo.value)):
            del report.wasxfail
            _fail(
                report,
                f"It fails, but not as the table says. Expected: {wanted!r}. "
                f"Received: {call.excinfo.exconly()}",
            )
    elif report.skipped and name not in SKIPPED and name not in NEEDS:
        _fail(report, f"It is skipped. Received: {report.longrepr}")
    elif call.when == "call" and not report.skipped and name in SKIPPED:
        _fail(report, "It is in the table of skipped tests, and was run.")
    return report


def _fail(report: pytest.TestReport, message: str) -> None:
    report.outcome = "failed"
    report.longrepr = message


@pytest.fixture
def collected(request: pytest.FixtureRequest) -> set[str]:
    """The names of all tests of Keras that this run has found."""
    return request.config.stash[COLLECTED]
