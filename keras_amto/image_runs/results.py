"""What a run leaves."""

import json
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.model import AMTOModel
from keras_amto.report import save_run


def save_results(
    place: pathlib.Path,
    model: AMTOModel,
    settings: Mapping[str, Any],
    metrics: Mapping[str, float],
    class_names: Sequence[str],
    image_size: int,
) -> None:
    """Writes a run: figures, and the winner in two formats.

    Args:
        place: An empty directory.
        model: A fitted model.
        settings: Mapping of settings by name.
        metrics: Test metrics by name.
        class_names: The names of the classes by index.
        image_size: Integer, pixels a side.
    """
    save_run(place, settings, model.ledger, model.finalists, metrics)
    history = {"epoch": model.history.epoch, **model.history.history}
    (place / "history.json").write_text(
        json.dumps(history, indent=2, default=float) + "\n", "utf-8"
    )
    names = "".join(f"{name}\n" for name in class_names)
    (place / "classes.txt").write_text(names, "utf-8")
    model.best_model.save(place / "winner.keras")
    model.export(
        place / "saved_model",
        verbose=False,
        # Whatever the network was trained on: images are resized to floats.
        input_signature=[
            keras.InputSpec(
                shape=(None, image_size, image_size, 3), dtype="float32"
            )
        ],
    )
