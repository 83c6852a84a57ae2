"""The directory of a run, which receives a whole run or nothing."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.exporting import export_network
from keras_amto.model import AMTOModel
from keras_amto.report import UNFINISHED
from keras_amto.report import is_under_way
from keras_amto.report import lock_of
from keras_amto.report import save_figures
from keras_amto.report import save_run

# Everything that a run can leave, and the page that `report` writes about it.
RUN_FILES = (
    "settings.json", "ledger.jsonl", "finalists.json", "metrics.json",
    "history.json", "classes.txt", "winner.keras", "saved_model", "report.html",
)  # fmt: skip


@contextlib.contextmanager
def new_run(
    path: str | os.PathLike[str], overwrite: bool = False
) -> Iterator[pathlib.Path]:
    """Yields an empty directory, and moves what is written there to `path`.

    With `overwrite` an older run is replaced when the new one is complete;
    without it, it is a ValueError. Files that do not belong to a run stay; what
    is left of runs that were killed is removed.
    """
    directory = pathlib.Path(path)
    present = [name for name in RUN_FILES if (directory / name).exists()]
    if present == ["report.html"]:  # of a run that was watched and then killed
        present = []
    if present and not overwrite:
        raise ValueError(
            f"The directory holds a run. Received: {os.fspath(path)!r} with "
            f"{', '.join(present)}. Expected: another directory, or "
            "--overwrite."
        )
    parents = [directory, *directory.parents]
    missing = [each for each in parents if not each.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob(f"{UNFINISHED}*"):
        if not is_under_way(left):
            shutil.rmtree(left, ignore_errors=True)
    try:
        # Inside it: on the same disk, and an error comes before training.
        with tempfile.TemporaryDirectory(
            prefix=UNFINISHED, dir=directory, ignore_cleanup_errors=True
        ) as temporary:
            place = pathlib.Path(temporary)
            with lock_of(place):
                yield place
                for old in (directory / name for name in RUN_FILES):
                    if old.is_dir() and not old.is_symlink():
                        shutil.rmtree(old)
                    else:
                        old.unlink(missing_ok=True)
                # The ledger last: who watches then finds the whole run.
                for entry in sorted(place.glob("[!.]*"), key=_is_ledger):
                    entry.replace(directory / entry.name)
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            for each in missing:
                each.rmdir()


def _is_ledger(path: pathlib.Path) -> bool:
    return path.name == "ledger.jsonl"


def save_results(
    place: pathlib.Path,
    model: keras.Model,
    settings: Mapping[str, Any],
    metrics: Mapping[str, float],
    class_names: Sequence[str],
) -> None:
    """Writes a run: figures, and the network that answers in two formats.

    `model` is an `AMTOModel`, or one network, which has no ledger.
    """
    network = model
    if isinstance(model, AMTOModel):
        network = model.best_model
        save_run(place, settings, model.ledger, model.finalists, metrics)
        history = {"epoch": model.history.epoch, **model.history.history}
        text = json.dumps(history, indent=2, default=float) + "\n"
        (place / "history.json").write_text(text, "utf-8")
    else:
        save_figures(place, settings, metrics)
    names = "".join(f"{name}\n" for name in class_names)
    (place / "classes.txt").write_text(names, "utf-8")
    network.save(place / "winner.keras")
    size = settings["image_size"]
    # Resized images are floats, whatever the network was trained on.
    served = keras.InputSpec(shape=(None, size, size, 3), dtype="float32")
    export_network(
        network,
        place / "saved_model",
        verbose=False,
        input_signature=[served],
    )
