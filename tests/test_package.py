"""The package as something to install and import."""

import os
import re
import subprocess
import sys
import venv

import keras
import pytest

import keras_amto
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow

_NEW_MODULES = """
import sys
import keras
before = set(sys.modules)
{statement}
new = {{name.partition('.')[0] for name in set(sys.modules) - before}}
print(sorted(new - set(sys.stdlib_module_names)))
"""


def modules_imported_by(statement):
    process = subprocess.run(
        [sys.executable, "-c", _NEW_MODULES.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return eval(process.stdout.splitlines()[-1])


def test_importing_the_package_imports_nothing_beyond_keras():
    assert modules_imported_by("import keras_amto") == ["keras_amto"]


def test_that_test_notices_an_import():
    found = modules_imported_by("import keras_amto, hypothesis")
    assert "hypothesis" in found


def test_importing_under_another_backend_imports_no_tensorflow():
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, keras_amto; print('tensorflow' in sys.modules)",
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
    )
    assert process.stdout.strip() == "False"


def test_public_names_are_those_of_the_design():
    assert set(keras_amto.__all__) == {
        "AMTOCallback",
        "AMTOModel",
        "Ledger",
        "PopulationBackup",
        "__version__",
        "applications",
        "callbacks",
        "compare",
        "datasets",
        "distribution",
        "optimizers",
        "plots",
    }
    assert all(hasattr(keras_amto, name) for name in keras_amto.__all__)


@needs_tensorflow
def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    scope = {}
    exec(code, scope)
    assert scope["model"].best_task is not None
    assert (tmp_path / "served" / "saved_model.pb").exists()
    loss, accuracy = scope["model"].evaluate(
        scope["x"][1000:], scope["y"][1000:], verbose=0
    )
    assert accuracy > 0.9
    capsys.readouterr()


@pytest.mark.slow
@needs_tensorflow
def test_the_wheel_installs_in_a_clean_environment(tmp_path):
    # What lies beside the sources must not stand in for what is installed.
    alone = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*command, cwd=tmp_path):
        process = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=alone,
        )
        assert process.returncode == 0, process.stderr[-2000:]
        return process.stdout

    run(sys.executable, "-m", "build", "--wheel", "-o", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("keras_amto-*.whl")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(
        python, "-m", "pip", "install", "--quiet", "--no-compile",
        "--constraint", ROOT / "requirements.lock", f"{wheel}[cpu]",
    )  # fmt: skip
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = (
        "import keras, keras_amto, numpy as np\n"
        "network = keras.Sequential([keras.Input((3,)), "
        "keras.layers.Dense(2, 'softmax')])\n"
        "model = keras_amto.AMTOModel(network, 2, transfer_interval=2)\n"
        "model.compile('sgd', 'sparse_categorical_crossentropy', "
        "metrics=['accuracy'])\n"
        "x = np.random.default_rng(0).random((40, 3))\n"
        "model.fit(x, (x[:, 0] > 0.5).astype(int), verbose=0)\n"
        "print(keras_amto.__version__, keras_amto.__file__)\n"
        "import pathlib\n"
        "package = pathlib.Path(keras_amto.__file__).parent\n"
        "assert (package / 'py.typed').exists()\n"
        "assert (package / 'engines' / 'README.md').exists()\n"
    )
    printed = run(python, "-c", code, cwd=elsewhere)
    version, path = printed.split()
    assert version == keras_amto.__version__
    assert str(environment) in path
    for script in ("keras_amto", "keras-amto"):
        printed = run(environment / "bin" / script, "--help", cwd=elsewhere)
        assert "usage: keras-amto" in printed


def test_the_version_is_written_once():
    assert re.fullmatch(r"\d+\.\d+\.\d+", keras_amto.__version__)
    assert f"## {keras_amto.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_serialisation_names_the_package():
    assert (
        keras.saving.get_registered_name(keras_amto.AMTOModel)
        == "keras_amto>AMTOModel"
    )


def test_no_page_waits_for_its_figures():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        text = page.read_text()
        assert not re.search(r"\b[A-Z]+_TABLE\b", text), page
        assert "TODO" not in text, page
