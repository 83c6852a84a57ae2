"""Pieces of HTML, for notebooks and for the report. All text is escaped."""

import base64
import html
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

_IMAGE_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


def escape(value: Any) -> str:
    """Returns a value as text in HTML, floats with six digits.

    >>> escape("<b>"), escape(0.1 + 0.2)
    ('&lt;b&gt;', '0.3')
    """
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return html.escape(text)


def table(
    rows: Iterable[Sequence[Any]],
    columns: Sequence[str] = (),
    caption: str = "",
) -> str:
    """Returns a table; the first cell of a row is its heading.

    >>> table([("rate", 0.5)])
    '<table>\\n<tr><th>rate</th><td>0.5</td></tr>\\n</table>'
    """
    lines = ["<table>"]
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    if columns:
        cells = (f"<th>{escape(column)}</th>" for column in columns)
        lines.append(f"<tr>{''.join(cells)}</tr>")
    for name, *values in rows:
        cells = (f"<td>{escape(value)}</td>" for value in values)
        lines.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table>"])


def image_uri(image: bytes, format: str) -> str:
    """Returns an address that holds an image, `"png"` or `"svg"`."""
    encoded = base64.b64encode(image).decode("ascii")
    return f"data:{_IMAGE_TYPES[format]};base64,{encoded}"
