"""The command itself: how it is called, and what its help costs."""

import configparser
import importlib.metadata
import os
import subprocess
import sys

import pytest

from keras_amto import invocation
from keras_amto.cli import COMMANDS
from keras_amto.cli import main
from tests.conftest import ROOT

NAMES = ("keras_amto", "keras-amto")
WAYS = (*NAMES, "python -m")
HEAVY = {
    "PIL", "jax", "keras", "matplotlib", "numpy", "pandas", "scipy", "sklearn",
    "tensorflow", "torch",
}  # fmt: skip


def run(*command, path=ROOT):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])},
    )


def imported_by(*command):
    """The packages that a process has imported, and what it has printed."""
    process = run("-X", "importtime", *command)
    assert process.returncode == 0, process.stderr[-2000:]
    names = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in process.stderr.splitlines()
        if line.startswith("import time:")
    }
    return names, process.stdout


@pytest.fixture(params=WAYS)
def command(request, tmp_path):
    """The arguments of Python that start the command."""
    if request.param == "python -m":
        return ["-m", "keras_amto"]
    return [console_script(tmp_path / request.param)]


def console_script(path):
    """Writes a script as an installer does."""
    module, _, function = console_scripts()[path.name].partition(":")
    path.write_text(
        "import sys\n"
        f"from {module} import {function}\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit({function}())\n"
    )
    return path


def console_scripts():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    return dict(line.replace(" ", "").split("=") for line in lines if line)


def test_both_spellings_are_scripts_that_lead_to_the_command():
    scripts = console_scripts()
    assert set(scripts) == set(NAMES)
    for name, value in scripts.items():
        entry = importlib.metadata.EntryPoint(name, value, "console_scripts")
        assert entry.load() is main


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)])
def test_help_imports_nothing_heavy(command, arguments):
    imported, printed = imported_by(*command, *arguments, "--help")
    assert " ".join(["usage: keras-amto", *arguments]) in printed
    assert "argparse" in imported
    assert not imported & HEAVY


def test_a_wrong_option_is_refused_without_importing_anything_heavy(command):
    process = run("-X", "importtime", *command, "train", "--dat")
    assert process.returncode == 2
    assert "keras-amto train: " in process.stderr
    assert "| keras\n" not in process.stderr


def test_that_test_notices_an_import():
    imported, _ = imported_by("-c", "import keras_amto")
    assert "keras" in imported


_NETWORK = """
import keras
import keras_amto

def network(shape, classes):
    known = keras.saving.get_custom_objects()
    names = [n for n in keras_amto.__all__ if not hasattr(keras_amto, n)]
    raise ValueError(f"missing: {names}; registered: {sorted(known)}")
"""


def test_a_network_of_ones_own_is_found_where_the_command_is_given(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    main(["report", "nothing"])
    assert sys.path[0] == str(tmp_path)


@pytest.mark.parametrize("command", WAYS[1:], indirect=True)
def test_a_command_that_runs_has_the_whole_package(command, tmp_path):
    (tmp_path / "some_network.py").write_text(_NETWORK)
    process = run(
        *command, "compare", "--network", "some_network:network",
        "--output", tmp_path / "output", path=tmp_path,
    )  # fmt: skip
    assert process.returncode == 1
    assert "missing: []" in process.stderr
    for name in ("AMTOModel", "LinearPrediction", "ScaledSchedule"):
        assert f"'keras_amto>{name}'" in process.stderr


def test_a_bare_import_registers_the_classes_of_saved_files(tmp_path):
    path = tmp_path / "model.keras"
    code = """
import keras, keras_amto
network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model = keras_amto.AMTOModel(network, 2)
model.compile(keras_amto.optimizers.LinearPrediction("sgd"), "mse")
model.save({path!r})
"""
    process = run("-c", code.format(path=str(path)))
    assert process.returncode == 0, process.stderr[-2000:]
    code = (
        "import keras_amto, keras; "
        f"model = keras.models.load_model({str(path)!r}); "
        "print(type(model).__name__, type(model.optimizer).__name__)"
    )
    # Arguments that look like a command make no command of a program.
    for arguments in ([], ["-m", "keras_amto", "--help"]):
        process = run("-c", code, *arguments)
        assert process.stdout.split() == ["AMTOModel", "LinearPrediction"]


def started(monkeypatch, original, arguments):
    monkeypatch.setattr(sys, "orig_argv", ["python", *original])
    monkeypatch.setattr(sys, "argv", arguments)
    return invocation.is_command_line()


@pytest.mark.parametrize(
    "original",
    [
        ["-m", "keras_amto"],
        ["-mkeras_amto"],
        ["-Im", "keras_amto"],
        ["-X", "importtime", "-m", "keras_amto"],
        ["-m", "keras_amto.__main__"],
    ],
)
def test_the_package_that_is_run_is_the_command(monkeypatch, original):
    for arguments in ([], ["train", "--help"]):
        assert started(monkeypatch, [*original, *arguments], ["-m", *arguments])


@pytest.mark.parametrize(
    ("original", "arguments"),
    [
        (["-m", "pytest", "keras_amto"], ["-m", "keras_amto"]),
        (["-m", "keras_amto_tools"], ["-m"]),
        (["-mmkeras_amto"], ["-m"]),
        (["-c", "import keras_amto", "keras_amto"], ["-c", "keras_amto"]),
        (["tool.py", "keras_amto", "x"], ["tool.py", "keras_amto", "x"]),
        # A program that has taken its own part off the arguments.
        (["tool.py", "keras_amto", "x"], ["keras_amto", "x"]),
        # A process that another one has started and given its arguments.
        (["-c", "spawn", "--fork"], ["keras_amto", "train"]),
        ([], [""]),
        ([], []),
        ([], ["more", "than", "there", "were"]),
    ],
)
def test_any_other_program_is_not(monkeypatch, original, arguments):
    assert not started(monkeypatch, original, arguments)


@pytest.mark.parametrize(
    ("name", "is_command"),
    [
        ("keras_amto", True),
        ("keras-amto", True),
        ("keras-amto.exe", True),
        ("keras_amto.py", False),
        ("my-keras-amto", False),
    ],
)
def test_a_script_is_the_command_by_its_name(
    monkeypatch, tmp_path, name, is_command
):
    script = tmp_path / name
    script.touch()
    arguments = [str(script), "train"]
    assert started(monkeypatch, arguments, arguments) == is_command
    # Python's own options stand before it.
    assert started(monkeypatch, ["-E", *arguments], arguments) == is_command


def test_a_shell_can_complete_commands(capsys):
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit, match="0"):
        main(["--print-completion", "bash"])
    script = capsys.readouterr().out
    assert "predict" in script
    assert "--time-limit" in script
