"""The page itself: text, and pictures inside it."""

import base64
import html
import io
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_amto.plots.canvas import save_picture
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
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; color: #222; max-width: 60rem;
 margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }}
img {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: .15rem 1rem .15rem 0;
 border-bottom: 1px solid #ddd; vertical-align: top; }}
.note {{ border-left: .25rem solid #999; padding-left: 1rem; }}
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
    script.

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
    path = run.path / "report.html" if path is None else pathlib.Path(path)
    title = html.escape(f"AMTO run {run.path.resolve().name}")
    body = "\n".join(_body(run))
    path.write_text(_PAGE.format(title=title, body=body), "utf-8")
    return path


def _body(run: RunDirectory) -> Iterator[str]:
    for sentence in tell(run):
        yield f"<p>{html.escape(sentence)}</p>"
    yield f'<p class="note">{html.escape(_LEAKAGE)}</p>'
    if run.metrics is not None:
        yield "<h2>Test</h2>"
        yield _table(run.metrics)
    for picture in run_pictures(run):
        yield f"<h2>{picture.title}</h2>"
        yield f"<p>{html.escape(picture.caption)}</p>"
        yield f'<img alt="{picture.title}" src="{_data_uri(picture.draw)}">'
    if run.settings is not None:
        yield "<h2>Settings</h2>"
        yield _table(run.settings)
    if run.missing:
        names = ", ".join(run.missing)
        yield f"<p>Not found in the directory: {html.escape(names)}.</p>"


def _data_uri(draw: Callable[[], Any]) -> str:
    file = io.BytesIO()
    save_picture(draw, file, "svg")
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def _table(values: Mapping[str, Any]) -> str:
    rows = ["<table>"]
    for name, value in values.items():
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        cells = f"<th>{html.escape(name)}</th><td>{html.escape(text)}</td>"
        rows.append(f"<tr>{cells}</tr>")
    return "\n".join([*rows, "</table>"])
