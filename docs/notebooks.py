"""Makes the notebooks of examples/ from their scripts, and runs them.

Run `make notebooks` after a change to one of the scripts. The outputs stay in
the notebooks, and on the site's pages that are made from them.
"""

import os
import pathlib
import sys
import tempfile

import jupytext
import nbformat
from nbclient import NotebookClient

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
NAMES = ("first_run", "fine_tuning")


def notebook_of(name: str) -> nbformat.NotebookNode:
    """Returns the notebook of a script, without outputs."""
    notebook = jupytext.read(EXAMPLES / f"{name}.py")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # random by default, so that diffs would lie
        cell.metadata = {}
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        }
    }
    return notebook


def execute(notebook: nbformat.NotebookNode) -> None:
    """Adds its outputs to a notebook, or raises what a cell raised."""
    # The package as it is here, whatever is installed.
    os.environ["PYTHONPATH"] = str(EXAMPLES.parent)
    with tempfile.TemporaryDirectory() as directory:
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": directory}},
        ).execute()
    for cell in notebook.cells:
        cell.metadata = {}  # without the times of its execution
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if _is_kept(each)]
    notebook.metadata.pop("language_info", None)


def _is_kept(output: nbformat.NotebookNode) -> bool:
    return output.get("name") != "stderr"


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        made = notebook_of(name)
        execute(made)
        nbformat.write(made, EXAMPLES / f"{name}.ipynb")
