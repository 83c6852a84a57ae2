"""Images for tests, drawn here: classes are told apart by their colour."""

import io
import pathlib

import numpy as np
from PIL import Image


def picture(label: int, number: int, side: int = 12) -> np.ndarray:
    """Returns an image of a class, like no other of it."""
    generator = np.random.default_rng([label, number])
    pixels = generator.integers(0, 60, (side, side, 3))
    pixels[..., label % 3] += 60 + 25 * (label // 3 + 1)
    return pixels.astype("uint8")


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_tree(
    root: pathlib.Path, counts: dict[str, int], side: int = 12
) -> pathlib.Path:
    """Writes a tree of class folders of JPEG files."""
    for label, (name, count) in enumerate(counts.items()):
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(count):
            content = jpeg(picture(label, number, side))
            (folder / f"{number:05d}.jpg").write_bytes(content)
    return root
