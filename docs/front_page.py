"""Draws the picture of the front page, for light and for dark pages.

Four tasks on the digits of scikit-learn: who descends from whom, beside the
validation losses. `python docs/front_page.py` writes pictures/front_light.svg
and pictures/front_dark.svg.
"""

import colorsys
import os
import pathlib
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import keras_amto

PICTURES = pathlib.Path(__file__).parent / "pictures"
LIGHT = 0.95  # of the ink on a dark page
# Said for each text: matplotlib leaves out black, which could not be replaced.
TEXTS = "text.", "axes.label", "axes.title", "xtick.", "ytick."
INK = {f"{name}color": "#222222" for name in TEXTS}


def train() -> keras_amto.AMTOModel:
    """Returns a fitted model: four tasks, twelve rounds."""
    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:1000]
    network = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model = keras_amto.AMTOModel(
        network, num_tasks=4, transfer_interval=25, seed=3
    )
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    stop = keras_amto.AMTOCallback(patience=None, max_steps=300)
    model.fit(x[order] / 16, y[order], epochs=100, verbose=0, callbacks=[stop])
    return model


def draw(model: keras_amto.AMTOModel, path: pathlib.Path) -> None:
    """Draws the lineage beside the curves, on a transparent ground."""
    with plt.rc_context({"svg.hashsalt": "keras_amto", **INK}):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(12, 4.2), layout="constrained"
        )
        winner = model.best_task
        keras_amto.plots.lineage(model.ledger, winner=winner, ax=left)
        keras_amto.plots.curves(model.ledger, winner=winner, ax=right)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)


def darkened(svg: str) -> str:
    """Returns a picture for dark pages: light ink, and no dark colours."""
    return re.sub(r"#([0-9a-f]{6})\b", _for_dark, svg)


def _for_dark(match: re.Match[str]) -> str:
    digits = match.group(1)
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if saturation < 0.05:  # ink, lines, and the ground of marks
        lightness = 0.08 + (LIGHT - 0.08) * (1 - lightness)
    else:
        lightness = max(lightness, 0.6)
    values = colorsys.hls_to_rgb(hue, lightness, saturation)
    return "#" + "".join(f"{round(255 * value):02x}" for value in values)


def main() -> None:
    light = PICTURES / "front_light.svg"
    draw(train(), light)
    (PICTURES / "front_dark.svg").write_text(darkened(light.read_text()))


if __name__ == "__main__":
    main()
