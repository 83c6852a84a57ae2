"""The page about a run, and what it is made from."""

import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image

from keras_amto.cli import main
from keras_amto.ledger import Finalists
from keras_amto.report import read_run
from keras_amto.report import save_run
from keras_amto.report import write_report
from keras_amto.report.story import tell
from tests.plots import runs
from tests.report.browser import ask
from tests.report.browser import browse
from tests.report.browser import needs_chromium

pytest.importorskip("matplotlib", reason="pictures need matplotlib").use("Agg")


@pytest.fixture
def run_dir(tmp_path):
    save_run(
        tmp_path / "run_7",
        {"num_tasks": 3, "note": "<b>5 & 6</b>", "rate": 0.1},
        runs.three_tasks(),
        runs.finalists(),
        {"accuracy": 0.9876},
    )
    return tmp_path / "run_7"


@needs_chromium
def test_a_browser_shows_the_page_with_no_network_and_no_complaint(
    run_dir, tmp_path
):
    page = write_report(run_dir)
    dom, console = browse(page, tmp_path)
    assert console == []
    assert "AMTO run run_7" in dom
    widths = ask(
        page, tmp_path, "[...document.images].map(i => i.naturalWidth).join()"
    ).split(",")
    assert len(widths) == 5
    assert all(int(width) > 200 for width in widths)


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_and_its_pictures_are_light_or_dark_as_the_browser_is(
    run_dir, tmp_path, dark
):
    page = write_report(run_dir)
    style = "getComputedStyle(document.body)"
    colours = ask(
        page, tmp_path, f"{style}.backgroundColor + {style}.color", dark
    )
    numbers = list(map(int, re.findall(r"\d+", colours)))
    paper, ink = np.mean(numbers[:3]), np.mean(numbers[3:])
    assert (paper < 60 and ink > 200) if dark else (paper > 240 and ink < 60)
    # Which of its two images a picture shows.
    shown = "document.images[0].currentSrc === document.images[0].src"
    assert ask(page, tmp_path, shown, dark) == str(not dark).lower()
    png = tmp_path / "page.png"
    browse(
        page, tmp_path, f"--screenshot={png}", "--window-size=900,5000",
        dark=dark,
    )  # fmt: skip
    pixels = np.asarray(Image.open(png).convert("L"))
    assert (np.median(pixels) < 60) if dark else (np.median(pixels) > 240)
    # No picture lies on the page as a card of the other colour.
    other = pixels > 240 if dark else pixels < 15
    assert other.mean() < 0.05


@needs_chromium
def test_that_test_would_notice_a_request(run_dir, tmp_path):
    page = write_report(run_dir)
    text = page.read_text()
    page.write_text(
        text.replace("</body>", '<img src="http://[::1]:9/x.png"></body>')
    )
    _, console = browse(page, tmp_path)
    assert console


def test_the_page_says_who_won_and_where_it_came_from(run_dir):
    text = write_report(run_dir).read_text()
    assert "The winner: task 1, highest harmonic accuracy." in text
    assert "5 of 9" not in text
    assert "3 of 9 shadows replaced their master (33 %)" in text
    assert "descends from task 1's own first network" not in text
    assert "step 10" in text
    assert "0.9876" in text


def test_everything_is_inside_the_file(run_dir):
    text = write_report(run_dir).read_text()
    assert "&lt;b&gt;5 &amp; 6&lt;/b&gt;" in text
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', text)
    assert len(sources) == 6
    assert all(source.startswith("data:") for source in sources)
    assert "<script" not in text
    assert text.count("<img alt=") == 5


def test_equal_runs_make_equal_pages(run_dir, tmp_path):
    one = write_report(run_dir, tmp_path / "one.html").read_bytes()
    other = write_report(run_dir, tmp_path / "other.html").read_bytes()
    assert one == other


@pytest.mark.parametrize(
    ("missing", "pictures"),
    [
        (["settings.json"], 5),
        (["metrics.json"], 5),
        (["finalists.json"], 4),
        (["ledger.jsonl"], 1),
        (["settings.json", "metrics.json", "finalists.json"], 4),
    ],
)
def test_what_is_missing_is_left_out_and_named(run_dir, missing, pictures):
    for name in missing:
        (run_dir / name).unlink()
    text = write_report(run_dir).read_text()
    assert text.count("<img") == pictures
    for name in missing:
        assert name in text


def test_a_run_of_one_task_has_a_page(tmp_path):
    save_run(tmp_path, {}, runs.one_task(), None)
    text = write_report(tmp_path).read_text()
    assert "1 task trained for 15 steps in 3 rounds." in text
    assert text.count("<img") == 1


def test_a_long_way_is_cut_short():
    ledger = runs.ledger_of(
        [([1, 0], [3.0 / (i + 1)] * 2, [2.0 / (i + 1)] * 2) for i in range(30)]
    )
    run = read_run_of(ledger)
    way = list(tell(run))[-1]
    assert "20 more" in way
    assert len(way) < 600


def read_run_of(ledger):
    from keras_amto.report import RunDirectory

    return RunDirectory(None, None, ledger, runs.finalists(2), None, [])


def test_a_directory_without_a_run_is_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="There is no run to report"):
        read_run(tmp_path)
    assert main(["report", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(tmp_path) in error


@pytest.mark.parametrize("name", ["settings.json", "finalists.json"])
@pytest.mark.parametrize(
    "content", ["{", "[1]", '{"winner": 0}', '{"products": [1]}']
)
def test_a_damaged_file_is_named_or_read(run_dir, name, content):
    (run_dir / name).write_text(content)
    if name == "settings.json" and content.startswith('{"'):
        assert read_run(run_dir).settings == json.loads(content)
        return
    with pytest.raises(ValueError, match=r"damaged|not a table of finalists"):
        read_run(run_dir)


def test_the_command_prints_where_the_page_is(run_dir, tmp_path, capsys):
    assert main(["report", str(run_dir)]) == 0
    assert capsys.readouterr().out.strip() == str(run_dir / "report.html")
    path = tmp_path / "elsewhere.html"
    assert main(["report", str(run_dir), "--output", str(path)]) == 0
    assert path.exists()


@pytest.mark.parametrize(
    "table",
    [
        runs.finalists(),
        runs.finalists(accuracy=False),
        runs.finalists(clean=True),
        runs.finalists(clean=True, answer="ensemble"),
        dataclasses.replace(
            runs.finalists(), losses=np.array([[np.nan, np.inf, -np.inf]] * 3)
        ),
    ],
)
def test_finalists_read_back_equal(table):
    again = Finalists.from_json(table.to_json())
    json.loads(table.to_json(), parse_constant=pytest.fail)
    fields = {field.name for field in dataclasses.fields(table)} - {"products"}
    pairs = [(again, table, fields)]
    for one, other in zip(again.products, table.products, strict=True):
        names = {field.name for field in dataclasses.fields(other)}
        pairs.append((one, other, names))
    for one, other, names in pairs:
        for name in names:
            np.testing.assert_array_equal(
                getattr(one, name), getattr(other, name)
            )
