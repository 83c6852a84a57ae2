"""Notebooks are their scripts, they run, and what they show is small."""

import re
import sys

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.conftest import ROOT
from tests.conftest import needs_tensorflow

sys.path.insert(0, str(ROOT / "docs"))
import notebooks

EXAMPLES = ROOT / "examples"


def sources(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def committed(name):
    return nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_a_notebook_is_made_from_its_script(name):
    made = notebooks.notebook_of(name)
    assert sources(made) == sources(committed(name))
    kinds = {kind for kind, _ in sources(made)}
    assert kinds == {"markdown", "code"}
    assert re.match(r"# \w.*\n\n\w", made.cells[0].source)  # title and purpose


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_outputs_are_kept_and_small(name):
    outputs = [
        output
        for cell in committed(name).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert outputs
    assert "error" not in {output.output_type for output in outputs}
    assert (EXAMPLES / f"{name}.ipynb").stat().st_size < 200_000


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("name", notebooks.NAMES)
def test_a_notebook_runs(name, monkeypatch):
    monkeypatch.setenv("WEIGHTS", "none")  # a test downloads nothing
    notebook = notebooks.notebook_of(name)
    for cell in notebook.cells:  # MobileNetV2 would take minutes
        cell.source = re.sub(r"epochs=[46]\b", "epochs=1", cell.source)
    notebooks.execute(notebook)
    text = " ".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "winner by harmonic_accuracy" in text


@needs_tensorflow
def test_a_notebook_that_fails_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "EXAMPLES", tmp_path)
    (tmp_path / "wrong.py").write_text("# %%\nraise RuntimeError('no')\n")
    with pytest.raises(CellExecutionError, match="RuntimeError"):
        notebooks.execute(notebooks.notebook_of("wrong"))
