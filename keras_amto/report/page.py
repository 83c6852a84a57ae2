"""The page itself: text, and pictures inside it."""

import base64
import functools
import html
import io
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from keras_amto import plots
from keras_amto.plots.canvas import save_picture
from keras_amto.report.run_directory import RunDirectory
from keras_amto.report.run_directory import read_run
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


class _Picture(NamedTuple):
    title: str
    caption: str
    draw: Callable[[], Any]


def write_report(
    run_dir: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
    """Writes one self-contained HTML file about a run.

    Nothing in it is fetched from anywhere: pictures are inside the file, and
    there is no script.

    Args:
        run_dir: A run's directory; see `read_run`. What is missing in it is
            left out, and the page says so.
        path: Where to write. Defaults to `None`, `report.html` in `run_dir`.

    Returns:
        The path.

    Raises:
        ValueError: if there is no run, or a file in it is damaged.
        ImportError: if matplotlib is missing.
    """
    run = read_run(run_dir)
    path = run.path / "report.html" if path is None else pathlib.Path(path)
    name = run.path.resolve().name
    title = f"AMTO run {name}"
    body = "\n".join(_body(run, title))
    text = _PAGE.format(title=html.escape(title), body=body)
    path.write_text(text, "utf-8")
    return path


def _body(run: RunDirectory, title: str) -> Iterator[str]:
    yield f"<h1>{html.escape(title)}</h1>"
    for sentence in tell(run):
        yield f"<p>{html.escape(sentence)}</p>"
    yield f'<p class="note">{html.escape(_LEAKAGE)}</p>'
    if run.metrics is not None:
        yield "<h2>Test</h2>"
        yield _table(run.metrics)
    for picture in _pictures(run):
        yield f"<h2>{html.escape(picture.title)}</h2>"
        yield f"<p>{html.escape(picture.caption)}</p>"
        yield (
            f'<img alt="{html.escape(picture.title)}" '
            f'src="{_data_uri(picture.draw)}">'
        )
    if run.settings is not None:
        yield "<h2>Settings</h2>"
        yield _table(run.settings)
    if run.missing:
        names = ", ".join(run.missing)
        yield f"<p>Not found in the directory: {html.escape(names)}.</p>"


def _pictures(run: RunDirectory) -> Iterator[_Picture]:
    ledger, finalists = run.ledger, run.finalists
    winner = None if finalists is None else finalists.winner
    restored = bool((run.settings or {}).get("restore_best_weights", True))
    if finalists is not None:
        yield _Picture(
            "Finalists",
            "Every task's network on every validation set. The winner's row "
            "is ringed.",
            functools.partial(plots.finalists, finalists),
        )
    if not ledger:
        return
    if ledger[0].donors is not None:
        yield _Picture(
            "Lineage",
            "A lane for each task over training. Where a shadow won, the lane "
            "takes the donor's colour; the number is that of the task whose "
            "first network it descends from. Bold: the winner and its "
            "ancestry.",
            functools.partial(plots.lineage, ledger, winner, restored),
        )
    yield _Picture(
        "Validation losses",
        "Solid: the task's master. Faint: its shadows, each trial a mark, "
        "filled where the shadow replaced the master.",
        functools.partial(plots.curves, ledger, winner),
    )
    if ledger[0].donors is not None:
        yield _Picture(
            "Relationships",
            "What each task has gained from each other, and how often it "
            "tried that donor and kept the shadow. Hatched: no value.",
            functools.partial(plots.relationships, ledger),
        )
        yield _Picture(
            "Entropy of the donor choice",
            "High while all donors are as likely; it falls as tasks come to "
            "prefer some.",
            functools.partial(plots.entropy, ledger),
        )


def _data_uri(draw: Callable[[], Any]) -> str:
    file = io.BytesIO()
    save_picture(draw, file, "svg")
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th>"
        f"<td>{html.escape(_plain(value))}</td></tr>\n"
        for name, value in values.items()
    )
    return f"<table>\n{rows}</table>"


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
