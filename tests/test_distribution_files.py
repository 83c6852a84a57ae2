"""What is uploaded: a wheel and an sdist, with types for their users."""

import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest

import keras_amto
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

_TYPED = """
import keras
import keras_amto

model = keras_amto.AMTOModel(keras.Sequential(), num_tasks=4)
ledger: keras_amto.Ledger = model.ledger
rounds: int = ledger[0].round
stop = keras_amto.AMTOCallback(patience=10, max_seconds=60.0)
cluster = keras_amto.distribution.connect(["machine-2:2222"])
"""
_SETTINGS = """
[mypy]
strict = True
[mypy-keras.*]
ignore_missing_imports = True
follow_imports = skip
"""


def run(*command, cwd):
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The wheel and the sdist."""
    directory = tmp_path_factory.mktemp("dist")
    built = run("build", "--outdir", directory, ROOT, cwd=directory)
    assert built.returncode == 0, built.stderr[-2000:]
    (wheel,) = directory.glob("*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_and_the_sdist_pass_the_checks_of_an_index(files, tmp_path):
    checked = run("twine", "check", "--strict", *files, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    name = f"keras_amto-{keras_amto.__version__}"
    wheel, sdist = files
    assert wheel.name == f"{name}-py3-none-any.whl"
    assert sdist.name == f"{name}.tar.gz"


def test_nothing_of_the_package_is_left_out(files):
    wheel, sdist = files
    packed = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "keras_amto").rglob("*.py")
    }
    assert sources | {"keras_amto/py.typed"} <= packed
    with tarfile.open(sdist) as archive:
        unpacked = {each.partition("/")[2] for each in archive.getnames()}
    assert sources | {"README.md", "LICENSE", "setup.cfg"} <= unpacked


def test_a_users_script_is_checked_by_the_types_of_the_package(files, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment)
    (packages,) = environment.glob("lib/*/site-packages")
    with zipfile.ZipFile(files[0]) as wheel:
        wheel.extractall(packages)
    (tmp_path / "mypy.ini").write_text(_SETTINGS)
    script = tmp_path / "script.py"
    python = environment / "bin" / "python"

    def check(code):
        script.write_text(code)
        command = ["mypy", "--python-executable", python, "script.py"]
        return run(*command, cwd=tmp_path)

    found = check(_TYPED)
    assert found.returncode == 0, found.stdout
    for right, wrong, said in (
        ("num_tasks=4", "num_tasks='four'", 'expected "int"'),
        (
            '["machine-2:2222"]',
            "wrong=1",
            'Unexpected keyword argument "wrong"',
        ),
    ):
        assert said in check(_TYPED.replace(right, wrong)).stdout
    (packages / "keras_amto" / "py.typed").unlink()
    assert "py.typed marker" in check(_TYPED).stdout
