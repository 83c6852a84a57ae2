"""What is shown of a comparison under way."""

import re

import pytest

from keras_amto.experiments.progress import ComparisonProgress
from tests.experiments.test_results import result


def show(verbose):
    with ComparisonProgress(3, 1, verbose) as progress:
        for arm in ("sto", "amto"):
            progress.begin_run(arm, 0)
            progress.show_step(50)
            progress.end_run(result())


@pytest.fixture
def no_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_terminal_each_finished_run_is_a_plain_line(
    no_terminal, capsys
):
    show(verbose=True)
    printed = capsys.readouterr()
    first, second, third = printed.out.splitlines()
    assert first == "1 of 3 runs are done already"
    line = "seed 0 sto: test accuracy 50.00 %, 10 steps, 2.0 s; about 0 s left"
    assert second == f"[2/3] {line}"
    assert third.startswith("[3/3] seed 0 amto: test accuracy")
    assert printed.err == ""


def test_on_a_terminal_there_is_a_bar_as_well(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    show(verbose=True)
    printed = capsys.readouterr()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.err)
    assert "seed 0 amto: step 50" in shown
    assert "3/3" in shown
    assert len(printed.out.splitlines()) == 3


def test_nothing_is_printed_where_nothing_is_wanted(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    show(verbose=False)
    assert capsys.readouterr() == ("", "")
