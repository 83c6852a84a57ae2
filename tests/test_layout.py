"""Imports point one way only: downwards through the rooms of the house."""

import ast
import pathlib

import keras_amto

PACKAGE = pathlib.Path(keras_amto.__file__).parent

# From the roof to the ground: docs/design.md says what each is for.
ROOMS = [
    "__main__", "cli", "__init__", "experiments", "report", "model",
    "showing", "exporting", "compiling", "fit", "ensembling", "amto",
    "schedule", "backup", "callbacks", "settings", "engines", "distribution",
    "tasks", "plots", "ledger", "statistics", "datasets", "algorithm",
    "optimizers", "applications", "arguments", "choices", "invocation",
    "markup", "version",
]  # fmt: skip


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_that(path):
    """The rooms that a file imports from, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
            if node.module == "keras_amto":
                names = [f"keras_amto.{alias.name}" for alias in node.names]
        for name in names:
            first, _, rest = name.partition(".")
            if first == "keras_amto" and rest:
                room = rest.split(".")[0]
                yield "version" if room == "__version__" else room


def upward(files):
    """Imports that do not point downwards, as (file, room)."""
    return [
        (str(path.relative_to(PACKAGE)), room)
        for path in files
        for room in rooms_that(path)
        if room != room_of(path)
        and ROOMS.index(room) <= ROOMS.index(room_of(path))
    ]


def test_every_room_is_known():
    found = {room_of(path) for path in PACKAGE.rglob("*.py")}
    assert found == set(ROOMS)


def test_imports_point_downwards():
    assert upward(PACKAGE.rglob("*.py")) == []


def test_an_import_that_points_upwards_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    path = tmp_path / "ledger" / "record.py"
    path.parent.mkdir()
    path.write_text("def late():\n    from keras_amto.fit import plan\n")
    assert upward([path]) == [("ledger/record.py", "fit")]


def test_the_algorithm_needs_no_keras():
    for path in (PACKAGE / "algorithm").glob("*.py"):
        assert "keras." not in path.read_text().replace("keras_amto.", "")
