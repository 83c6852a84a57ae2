"""What a contributor and a release rely on."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest
import yaml

import keras_amto
from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.M))
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"


def run(*command, **options):
    process = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        # What lies beside the sources must not stand in for what is installed.
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        **options,
    )
    return process.returncode, process.stdout + process.stderr


def test_every_target_that_contributors_are_told_of_exists():
    commands = re.findall(
        r"^make ([a-z -]+?)(?:  +#.*)?$|`make\s([a-z -]+)`",
        CONTRIBUTING,
        flags=re.M,
    )
    named = {
        name for pair in commands for part in pair for name in part.split()
    }
    assert {"quick", "lint", "types", "test", "dist"} <= named
    assert named <= TARGETS


def test_every_file_that_contributors_are_told_of_exists():
    paths = set(re.findall(r"`((?:keras_amto|tests)/[\w/.]+)`", CONTRIBUTING))
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def recipe(target):
    """The commands of a target, without the environment and the directory."""
    (lines,) = re.findall(
        rf"^{target}: .*\n((?:\t.*\n)+)", MAKEFILE, flags=re.M
    )
    return [
        line.strip().removeprefix("$(BIN)/").removesuffix(" .")
        for line in lines.splitlines()
    ]


def test_hooks_are_what_ci_runs_before_the_tests():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = []
    for repo in config["repos"]:
        # Only local hooks have the versions of requirements.lock.
        assert repo["repo"] == "local"
        hooks += [hook["entry"].split() for hook in repo["hooks"]]
    found = []
    for command, *rest in hooks:
        if command == "make":
            found += [line for target in rest for line in recipe(target)]
        else:
            found.append(" ".join([pathlib.Path(command).name, *rest]))
    assert found == recipe("lint") + recipe("types")
    (test,) = re.findall(r"^test: (.*)", MAKEFILE, flags=re.M)
    assert test.split()[:2] == ["lint", "types"]
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_tool_is_pinned():
    names = {
        line.partition("==")[0].replace("_", "-").lower()
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if not line.startswith("#")
    }
    assert {"build", "mypy", "pre-commit", "pytest", "ruff", "twine"} <= names


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.glob("*.yml")), ids=lambda path: path.stem
)
def test_a_template_asks_for_what_it_needs(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert "blank_issues_enabled" in form
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    ids = [field["id"] for field in fields]
    assert len(ids) == len(set(ids))
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_citation_is_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    required = {"cff-version", "message", "title", "authors"}
    assert required <= set(citation)
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == [
        "Zhang", "Qin", "Pan", "Sellis"
    ]  # fmt: skip
    assert "2007.01016" in paper["url"]


def test_only_one_file_holds_the_version():
    for name in ("CITATION.cff", "setup.cfg", "pyproject.toml", "Makefile"):
        text = (ROOT / name).read_text()
        assert keras_amto.__version__ not in text, name


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution and the wheel that is made from it."""
    directory = tmp_path_factory.mktemp("dist")
    status, output = run(
        sys.executable, "-m", "build", "--outdir", directory, ROOT
    )
    assert status == 0, output[-2000:]
    (sdist,) = directory.glob("*.tar.gz")
    (wheel,) = directory.glob("*.whl")
    return sdist, wheel


@pytest.mark.slow
def test_distributions_pass_the_check_of_the_index(built):
    status, output = run(
        sys.executable, "-m", "twine", "check", "--strict", *built
    )
    assert status == 0, output
    assert output.count("PASSED") == 2


@pytest.mark.slow
def test_distributions_hold_the_package_and_nothing_beside_it(built):
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert "keras_amto/py.typed" in names
        tops = {name.partition("/")[0] for name in names}
        (info,) = tops - {"keras_amto"}
        metadata = archive.read(f"{info}/METADATA").decode()
    assert f"Version: {keras_amto.__version__}\n" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in names)
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "setup.cfg", "pyproject.toml"} <= inside
    modules = {name for name in names if name.endswith(".py")}
    assert modules == {
        str(path.relative_to(ROOT))
        for path in (ROOT / "keras_amto").rglob("*.py")
    }


@pytest.fixture
def user(built, tmp_path):
    """An environment with the wheel, a script for it, and its type check."""
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(built[1]) as archive:
        archive.extractall(site)
    # NumPy's types are those of this environment.
    import numpy

    shutil.copytree(
        os.path.dirname(numpy.__file__),
        site / "numpy",
        ignore=lambda _, names: [n for n in names if n.endswith(".so")],
    )
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\n"
        "[mypy-keras.*,tensorflow.*]\nignore_missing_imports = true\n"
    )

    def check():
        return run(
            sys.executable, "-m", "mypy", "--config-file",
            tmp_path / "mypy.ini", "--python-executable",
            tmp_path / "env" / "bin" / "python", "script.py", cwd=tmp_path,
        )  # fmt: skip

    shutil.copy(ROOT / "tests" / "typed_user.py", tmp_path / "script.py")
    return site, tmp_path / "script.py", check


@pytest.mark.slow
def test_a_users_script_is_type_checked_against_the_wheel(user):
    _, script, check = user
    status, output = check()
    assert status == 0, output
    text = script.read_text()
    script.write_text(text.replace("patience=10", "patience='ten'"))
    status, output = check()
    assert status == 1
    assert '"patience"' in output and "arg-type" in output


@pytest.mark.slow
def test_without_its_marker_the_package_would_have_no_types(user):
    site, _, check = user
    (site / "keras_amto" / "py.typed").unlink()
    status, output = check()
    assert status == 1
    assert "py.typed" in output
