"""Data that lie beside a developer's checkout, and not on a user's machine."""

import pathlib

import numpy as np
import pytest

from tests.conftest import ROOT

SHARED = ROOT.parent / "shared" / "data"
WEIGHTS = SHARED / "weights"
RSSCN7 = SHARED / "rsscn7"


def _needs(path: pathlib.Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.is_dir(), reason=f"{path} is not there")


needs_weights = _needs(WEIGHTS)
needs_rsscn7 = _needs(RSSCN7)


def rsscn7_images(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns all images of RSSCN7 as bytes, and their classes."""
    from PIL import Image

    x, y = [], []
    for label, folder in enumerate(sorted(RSSCN7.iterdir())):
        for path in sorted(folder.iterdir()):
            x.append(np.asarray(Image.open(path).resize((side, side))))
            y.append(label)
    return np.stack(x), np.array(y)
