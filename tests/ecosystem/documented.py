"""Runs the examples of docs/ecosystem.md."""

import re
import types

from tests.conftest import ROOT

_TEXT = (ROOT / "docs" / "ecosystem.md").read_text()


def sections():
    """The text of each section by its title; the beginning has none."""
    beginning, *parts = re.split(r"^## (.*)$", _TEXT, flags=re.M)
    titles, texts = parts[::2], parts[1::2]
    return {"": beginning, **dict(zip(titles, texts, strict=True))}


def run_example(title, folder, monkeypatch):
    """Runs an example in a folder; what it has defined."""
    monkeypatch.chdir(folder)
    found = sections()
    names = types.SimpleNamespace()
    for text in (found[""], found[title]):
        for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
            exec(
                compile(block, f"docs/ecosystem.md: {title}", "exec"),
                vars(names),
            )
    return names
