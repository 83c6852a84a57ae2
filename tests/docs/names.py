"""The public names, and where the site has them."""

import importlib
import inspect
import re

import keras_amto
from keras_amto import ledger
from tests.conftest import ROOT

REFERENCE = ROOT / "docs" / "reference"
_ENTRY = re.compile(r"^::: (\S+)$", re.M)


def public_names():
    """Returns every public object but modules, by its shortest name."""
    found = {}
    modules = [keras_amto, *_modules(keras_amto), ledger]
    for module in modules:
        for name in module.__all__:
            value = getattr(module, name)
            known = any(value is each for each in found.values())
            if not inspect.ismodule(value) and not known:
                found[f"{module.__name__}.{name}"] = value
    return found


def _modules(module):
    values = [getattr(module, name) for name in module.__all__]
    return [value for value in values if inspect.ismodule(value)]


def names_on_pages():
    """Returns what the pages of the reference show, by the name there."""
    return {
        name: _resolve(name)
        for page in sorted(REFERENCE.glob("*.md"))
        for name in _ENTRY.findall(page.read_text("utf-8"))
    }


def _resolve(name):
    owner, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(owner), attribute)


def documentation_of(name, value):
    """Returns a docstring; a constant has its own beside it in the source."""
    if callable(value):
        return inspect.getdoc(value) or ""
    owner, _, attribute = name.rpartition(".")
    sources = [
        path.read_text("utf-8")
        for path in (ROOT / "keras_amto").rglob("*.py")
        if path.is_relative_to(ROOT.joinpath(*owner.split(".")))
    ]
    pattern = rf'^{attribute} = .*\n"""(.*?)"""'
    matches = [re.search(pattern, each, re.M | re.S) for each in sources]
    return next((match.group(1) for match in matches if match), "")
