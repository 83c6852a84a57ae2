"""The picture of the front page is that of a run, on light and dark pages."""

import re
import sys

import pytest

from tests.conftest import ROOT
from tests.conftest import needs_tensorflow

sys.path.insert(0, str(ROOT / "docs"))
front_page = pytest.importorskip("front_page", reason="needs matplotlib")

LIGHT = ROOT / "docs" / "pictures" / "front_light.svg"
DARK = ROOT / "docs" / "pictures" / "front_dark.svg"


def lightness_of(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return (max(channels) + min(channels)) / 2


def colours_of(svg, name):
    return re.findall(rf"{name}: #([0-9a-f]{{6}})", svg)


def test_the_dark_picture_is_the_light_one_in_other_colours():
    assert front_page.darkened(LIGHT.read_text()) == DARK.read_text()


def test_lines_are_dark_on_light_pages_and_light_on_dark_ones():
    dark = [lightness_of(c) for c in colours_of(DARK.read_text(), "stroke")]
    light = [lightness_of(c) for c in colours_of(LIGHT.read_text(), "stroke")]
    assert min(light) < 0.2
    assert sorted(dark)[len(dark) // 20] > 0.3
    assert max(dark) > 0.8


@needs_tensorflow
def test_the_run_of_the_picture_trains_and_is_drawn(tmp_path):
    model = front_page.train()
    assert model.best_task is not None
    path = tmp_path / "front.svg"
    front_page.draw(model, path)
    # Numbers may differ from machine to machine; what is drawn does not.
    for said in ("<svg", "path"):
        assert said in path.read_text()
    assert len(model.ledger) == 12
