"""A page that follows a run under way."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request
from functools import partial

import pytest

from keras_amto.cli import main
from keras_amto.report import UNFINISHED
from keras_amto.report import lock_of
from keras_amto.report import save_run
from keras_amto.report import watch_run
from keras_amto.report import watching
from keras_amto.report import write_report
from tests.conftest import ROOT
from tests.plots import runs
from tests.report import browser

pytest.importorskip("matplotlib", reason="pictures need matplotlib").use("Agg")

WHOLE = runs.three_tasks()
RELOAD = '<meta http-equiv="refresh" content="1">'


def watch(run_dir):
    return watch_run(run_dir, seconds=0.01)


def put(place, rounds, line=""):
    """Lays a run under way, of which so many rounds have ended."""
    save_run(place, {"num_tasks": 3}, WHOLE[:rounds], None)
    with open(place / "ledger.jsonl", "a") as file:
        file.write(line)


def complete(run_dir, place):
    """Moves a run to where it belongs, the ledger last."""
    save_run(place, {"num_tasks": 3}, WHOLE, runs.finalists(), {"loss": 0.25})
    for path in sorted(place.iterdir(), key=lambda p: "ledger" in p.name):
        path.replace(run_dir / path.name)
    place.rmdir()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(watching, "_SHARE", 100)


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "photos"


@pytest.fixture
def place(run_dir):
    return run_dir / f"{UNFINISHED}x7"


def test_the_page_grows_with_the_ledger_and_ends_with_the_run(run_dir, place):
    put(place, 0)
    pages = watch(run_dir)
    page = next(pages)
    assert page == run_dir / "report.html"
    assert "No round has ended yet" in page.read_text()
    assert "<img" not in page.read_text()
    for number, rounds in enumerate(("1 round", "2 rounds"), start=1):
        put(place, number)
        text = next(pages).read_text()
        assert f"AMTO run photos, {rounds}</title>" in text
        assert text.count("<img") == 4
        assert text.count(RELOAD) == 1
        assert "Under way: the ledger was last written at 20" in text
    complete(run_dir, place)
    assert list(pages) == [page]
    assert page.read_bytes() == write_report(run_dir).read_bytes()
    text = page.read_text()
    assert "The winner: task 1" in text
    assert "0.25" in text
    assert 'http-equiv="refresh"' not in text
    assert [each.name for each in run_dir.glob(".*")] == []


def test_a_run_that_is_complete_has_one_page(run_dir, place, capsys):
    place.mkdir(parents=True)
    complete(run_dir, place)
    assert main(["report", "--watch", str(run_dir)]) == 0
    assert capsys.readouterr().out == f"{run_dir / 'report.html'}\n"


def test_who_stops_watching_leaves_a_page_that_stays_as_it_is(run_dir, place):
    put(place, 2)
    pages = watch(run_dir)
    page = next(pages)
    pages.close()
    assert "refresh" not in page.read_text()
    assert page.read_text().count("<img") == 4


def test_a_new_run_is_watched_and_not_the_old_one_beside_it(run_dir, place):
    save_run(run_dir, {}, WHOLE, runs.finalists())
    os.utime(run_dir / "ledger.jsonl", (1e9, 1e9))
    put(place, 1)
    pages = watch(run_dir)
    with lock_of(place):
        assert "photos, 1 round<" in next(pages).read_text()


@pytest.mark.parametrize("when", [1e9, 2e9])
def test_what_a_killed_run_left_does_not_hide_one_that_is_complete(
    run_dir, place, when
):
    save_run(run_dir, {}, WHOLE, runs.finalists())
    put(place, 1)
    os.utime(place / "ledger.jsonl", (when, when))
    (page,) = watch(run_dir)
    assert "The winner: task 1" in page.read_text()


def test_a_round_that_is_half_written_waits_for_the_next_page(run_dir, place):
    put(place, 1, line=WHOLE[1].to_json()[:-9])
    pages = watch(run_dir)
    assert "photos, 1 round<" in next(pages).read_text()
    put(place, 2)
    assert "photos, 2 rounds" in next(pages).read_text()


def test_the_ledger_of_a_backup_can_be_watched(tmp_path):
    WHOLE.save(tmp_path / "ledger.jsonl")
    (tmp_path / "000000000015.backup").write_bytes(b"")
    pages = watch(tmp_path)
    text = next(pages).read_text()
    assert RELOAD in text
    assert "3 rounds" in text


def test_where_nothing_is_to_be_watched_an_error_says_so(run_dir, capsys):
    with pytest.raises(ValueError, match="There is no run to watch"):
        next(watch(run_dir))
    assert main(["report", "--watch", str(run_dir)]) == 1
    assert str(run_dir) in capsys.readouterr().err


def test_a_run_that_vanishes_ends_watching_with_its_last_page(run_dir, place):
    put(place, 2)
    pages = watch(run_dir)
    page = next(pages)
    for path in place.iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="There is no run to watch"):
        next(pages)
    assert "refresh" not in page.read_text()


def test_a_damaged_ledger_is_named(run_dir, place):
    put(place, 1, line="{}\n")
    with pytest.raises(ValueError, match=r"Line 2 of .* is not a ledger"):
        next(watch(run_dir))


def test_a_run_that_is_moved_while_it_is_read_is_read_again(
    run_dir, place, monkeypatch
):
    put(place, 2)
    read = watching.read_run

    def read_late(path):
        if path == place and place.exists():
            complete(run_dir, place)
        return read(path)

    monkeypatch.setattr(watching, "read_run", read_late)
    (page,) = watch(run_dir)
    assert "The winner: task 1" in page.read_text()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5", None])
def test_a_wrong_interval_is_refused_before_anything_is_read(tmp_path, seconds):
    with pytest.raises((TypeError, ValueError), match="`seconds`"):
        next(watch_run(tmp_path, seconds=seconds))


def test_drawing_takes_a_tenth_of_the_time_at_most(run_dir, place, monkeypatch):
    put(place, 1)
    monkeypatch.setattr(watching, "_SHARE", 0.1)
    clock, slept = [0.0], []
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock[0])

    def draw(run):
        clock[0] += 3
        return ""

    def sleep(seconds):
        slept.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "page_body", draw)
    monkeypatch.setattr(watching.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        list(watch_run(run_dir, seconds=5))
    assert slept == [pytest.approx(30)]


# What a shell runs in the background ignores the signal, and so do its
# children: these tests, say, and the command.
UNDER_A_TERMINAL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("keras_amto", run_name="__main__")
"""


def test_ctrl_c_ends_the_command_as_a_success(run_dir, place):
    put(place, 1)
    process = subprocess.Popen(
        [sys.executable, "-c", UNDER_A_TERMINAL, "report", "--watch", run_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": "Agg"},
    )
    page = pathlib.Path(process.stdout.readline().strip())
    assert "refresh" in page.read_text()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "refresh" not in page.read_text()


def titles(port):
    """The titles of the pages that a browser shows, none while one loads."""
    url = f"http://127.0.0.1:{port}/json/list"
    with urllib.request.urlopen(url, timeout=30) as answer:
        tabs = json.load(answer)
    return [tab["title"] for tab in tabs if tab["type"] == "page"]


def wait_for(question, expected):
    """Asks until the answer is the expected one."""
    end = time.monotonic() + 60
    while (found := question()) != expected:
        assert time.monotonic() < end, f"{found!r} is not {expected!r}"
        time.sleep(0.2)


@browser.needs_chromium
def test_an_open_browser_follows_the_run_to_its_end(run_dir, place, tmp_path):
    put(place, 1)
    pages = watch_run(run_dir, seconds=0.5)
    page = next(pages)
    process = subprocess.Popen(
        browser.command(page, tmp_path, "--remote-debugging-port=0"),
        stderr=subprocess.DEVNULL,
    )
    # Chromium writes there where it listens.
    listens = tmp_path / "profile" / "DevToolsActivePort"
    try:
        wait_for(lambda: listens.exists() and "\n" in listens.read_text(), True)
        port = int(listens.read_text().split()[0])
        shown = partial(titles, port)
        wait_for(shown, ["AMTO run photos, 1 round"])
        put(place, 3)
        next(pages)
        wait_for(shown, ["AMTO run photos, 3 rounds"])
        complete(run_dir, place)
        list(pages)
        wait_for(shown, ["AMTO run photos"])
    finally:
        process.kill()
        process.communicate()
