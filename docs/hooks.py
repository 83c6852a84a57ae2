"""What the site needs beside MkDocs: pages from elsewhere, and equations.

Notebooks become pages with their outputs. Pages that live at the root or in the
package are taken from there. Equations become MathML when the site is built, so
no script has to be fetched to show them.
"""

import base64
import html
import json
import pathlib
import re
from collections.abc import Iterator

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File
from mkdocs.structure.files import Files

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOKS = ("first_run", "fine_tuning")
PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "engines.md": "keras_amto/engines/README.md",
}
_EQUATION = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and examples that do not lie in docs/."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=_relinked(text)))
    for name in NOTEBOOKS:
        path = ROOT / "examples" / f"{name}.ipynb"
        for uri, content in page_of_notebook(path):
            files.append(File.generated(config, uri, content=content))
        files.append(_copied(config, path))
    examples = ROOT / "examples"
    for path in [*examples.glob("*.py"), *examples.glob("clusters/*")]:
        if path.stem != "__init__":
            files.append(_copied(config, path))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Lets links to examples stay within the site."""
    return _relinked(markdown)


def on_page_content(content: str, **_: object) -> str:
    """Replaces equations in LaTeX by MathML."""
    return _EQUATION.sub(_mathml, content)


def page_of_notebook(path: pathlib.Path) -> Iterator[tuple[str, str | bytes]]:
    """Yields a page's pictures, and the page, each with its name."""
    lines = []
    pictures = 0
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines += [source, ""]
            continue
        lines += ["```python", source, "```", ""]
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}_{pictures}.png"
                pictures += 1
                yield name, base64.b64decode(data["image/png"])
                lines += [f"![What the code above draws]({name})", ""]
            else:
                text = output.get("text") or data["text/plain"]
                lines += ["```text", "".join(text).rstrip(), "```", ""]
    lines.append(
        f"This page is a notebook: [{path.name}](examples/{path.name})."
    )
    yield f"{path.stem}.md", "\n".join(lines)


def _copied(config: MkDocsConfig, path: pathlib.Path) -> File:
    uri = path.relative_to(ROOT).as_posix()
    return File.generated(config, uri, abs_src_path=str(path))


def _relinked(markdown: str) -> str:
    markdown = markdown.replace("](../examples/", "](examples/")
    markdown = markdown.replace("](keras_amto/engines/README", "](engines")
    return markdown.replace("](docs/", "](")


def _mathml(match: re.Match[str]) -> str:
    kind, bracket, latex = match.groups()
    display = "block" if bracket == "[" else "inline"
    mathml = convert(html.unescape(latex), display=display)
    return f'<{kind} class="equation">{mathml}</{kind}>'
