"""The page itself: text, and pictures inside it."""

import io
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from keras_amto.markup import escape
from keras_amto.markup import image_uri
from keras_amto.markup import table
from keras_amto.plots.canvas import save_picture
from keras_amto.report.palette import DARK
from keras_amto.report.palette import LIGHT
from keras_amto.report.palette import Palette
from keras_amto.report.run_directory import RunDirectory
from keras_amto.report.run_directory import read_run
from keras_amto.report.story import run_pictures
from keras_amto.report.story import tell

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
body {{ font: 16px/1.5 sans-serif; max-width: 60rem;
 color: var(--ink); background: var(--paper);
 margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }}
img {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: .15rem 1rem .15rem 0;
 border-bottom: 1px solid var(--rule); vertical-align: top; }}
.note {{ border-left: .25rem solid var(--faint); padding-left: 1rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

_LEAKAGE = (
    "Each validation set is a random part of the same samples, so a donor has "
    "trained on most of another task's validation samples. After a few "
    "transfers every validation figure on this page is optimistic. Judge the "
    "winner by data that training never saw."
)


def write_report(
    run_dir: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
    """Writes one self-contained HTML file about a run.

    The page fetches nothing: pictures are inside the file, and there is no
    script. It is light or dark as the browser asks for.

    Args:
        run_dir: A run's directory; see `read_run`. The page leaves out what is
            missing in it, and says so.
        path: Where to write. Defaults to `None`, `report.html` in `run_dir`.

    Returns:
        The path.

    Raises:
        ValueError: if there is no run, or a file in it is damaged.
        ImportError: if matplotlib is missing.
    """
    run = read_run(run_dir)
    path = page_path(run_dir, path)
    write_page(path, page_title(run), page_body(run))
    return path


def page_path(run_dir: Any, path: Any) -> pathlib.Path:
    """Returns where the page about a run is written."""
    given = pathlib.Path(run_dir, "report.html") if path is None else path
    return pathlib.Path(given)


def page_title(run: RunDirectory) -> str:
    """Returns what a page about a run is called."""
    return f"AMTO run {run.path.resolve().name}"


def page_body(run: RunDirectory) -> str:
    """Returns the page about a run, below its title."""
    return "\n".join(_parts(run))


def write_page(
    path: pathlib.Path, title: str, body: str, reload: int | None = None
) -> None:
    """Writes a page whole or not at all.

    `reload` is after how many seconds a browser looks for a newer one.
    """
    head = ""
    if reload is not None:
        head = f'<meta http-equiv="refresh" content="{reload}">\n'
    text = _PAGE.format(
        title=escape(title),
        body=body,
        head=head,
        light=LIGHT.css(),
        dark=DARK.css(),
    )
    beside = path.with_name(f".{path.name}.writing")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _parts(run: RunDirectory) -> Iterator[str]:
    if not run.ledger and run.finalists is None:
        yield "<p>No round has ended yet.</p>"
    for sentence in tell(run):
        yield f"<p>{escape(sentence)}</p>"
    yield f'<p class="note">{escape(_LEAKAGE)}</p>'
    if run.metrics is not None:
        yield "<h2>Test</h2>"
        yield table(run.metrics.items())
    for picture in run_pictures(run):
        yield f"<h2>{picture.title}</h2>"
        yield f"<p>{escape(picture.caption)}</p>"
        yield (
            f'<picture><source media="(prefers-color-scheme: dark)" '
            f'srcset="{_drawn(picture.draw, DARK)}">'
            f'<img alt="{picture.title}" src="{_drawn(picture.draw, LIGHT)}">'
            "</picture>"
        )
    if run.settings is not None:
        yield "<h2>Settings</h2>"
        yield table(run.settings.items())
    if run.missing:
        names = ", ".join(run.missing)
        yield f"<p>Not found in the directory: {escape(names)}.</p>"


def _drawn(draw: Callable[[], Any], palette: Palette) -> str:
    file = io.BytesIO()
    save_picture(draw, file, "svg", style=palette.style())
    return image_uri(file.getvalue(), "svg")
