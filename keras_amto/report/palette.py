"""The colours of the page and of its pictures, on light and dark screens."""

from typing import Any
from typing import NamedTuple


class Palette(NamedTuple):
    """Colours that can be read on each other.

    Attributes:
        ink: String, the colour of text.
        paper: String, that of the background.
        rule: String, that of lines in tables.
        faint: String, that of the line beside a note.
    """

    ink: str
    paper: str
    rule: str
    faint: str

    def css(self) -> str:
        """Returns the colours as variables of CSS."""
        pairs = self._asdict().items()
        return " ".join(f"--{name}: {value};" for name, value in pairs)

    def style(self) -> dict[str, Any]:
        """Returns the colours as settings of matplotlib."""
        papers = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
        inks = (
            "text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
            "ytick.color", "patch.edgecolor",
        )  # fmt: skip
        return dict.fromkeys(papers, self.paper) | dict.fromkeys(inks, self.ink)


LIGHT = Palette("#222222", "#ffffff", rule="#dddddd", faint="#999999")
DARK = Palette("#e4e4e4", "#17191c", rule="#3a3d42", faint="#777777")
