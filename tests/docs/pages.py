"""The pages of the docs, and the code in them."""

import pathlib
import re
import shlex

from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
_COMMANDS = ("keras-amto ", "python -m keras_amto ")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks_of(page, *languages):
    """Yields the first line and the text of each fenced block."""
    text = pathlib.Path(page).read_text("utf-8")
    for match in _FENCE.finditer(text):
        if match.group(2) in languages:
            yield text[: match.start(3)].count("\n") + 1, match.group(3)


def script_of(page):
    """Returns a page's Python as one script, in which lines keep their numbers.

    So a traceback names the line of the page.
    """
    lines: list[str] = []
    for line, block in blocks_of(page, "python"):
        lines += [""] * (line - 1 - len(lines))
        lines += block.splitlines()
    return "\n".join(lines) + "\n"


def commands_of(page):
    """Yields the arguments of each keras_amto command of a page."""
    for _, block in blocks_of(page, "", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"^(\S*\$ |\w+=\S+ )*", "", line.strip())
            for command in _COMMANDS:
                if line.startswith(command):
                    arguments = line.removeprefix(command).partition(">")[0]
                    yield shlex.split(arguments, comments=True)
