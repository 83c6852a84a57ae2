"""`python -m keras_amto train`: one run on images."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.callbacks import PopulationBackup
from keras_amto.experiments.data import count_images
from keras_amto.experiments.data import load_images
from keras_amto.experiments.networks import image_size_of
from keras_amto.experiments.networks import make_network
from keras_amto.experiments.run_directory import new_run
from keras_amto.experiments.run_directory import save_results
from keras_amto.experiments.settings import RunSettings
from keras_amto.experiments.training import train_amto
from keras_amto.model import AMTOModel
from keras_amto.version import __version__

Path = str | os.PathLike[str]


def train(
    data: str,
    model: str,
    output: Path,
    settings: RunSettings,
    *,
    weights: Path | None = None,
    image_size: int | None = None,
    data_dir: Path | None = None,
    preset: str | None = None,
    overwrite: bool = False,
    backup: Path | None = None,
) -> None:
    """Trains a network on images, tests the winner and saves everything.

    Args:
        data: As in `load_images`, like `data_dir`.
        model: As in `make_network`, like `weights`.
        output: The directory of the run; see `new_run` for `overwrite`.
        settings: The settings.
        weights: Defaults to `None`.
        image_size: As in `image_size_of`. Defaults to `None`.
        data_dir: Defaults to `None`.
        preset: String, what the settings were taken from, or `None`.
        overwrite: Defaults to `False`.
        backup: Directory of a `PopulationBackup`, or `None`.
    """
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow. Received: the backend "
            f"{keras.config.backend()!r}. Expected: KERAS_BACKEND=tensorflow."
        )
    with new_run(output, overwrite) as place:
        size = image_size_of(model, image_size)
        images, tests, names = load_images(data, size, settings.seed, data_dir)
        keras.utils.set_random_seed(settings.seed)
        network = make_network(model, (size, size, 3), len(names), weights)
        test_images = count_images(tests, settings)
        print(f"{test_images} images are kept for the test.")
        trained = train_on_images(
            network,
            images,
            settings,
            [PopulationBackup(backup)] if backup else [],
        )
        found = trained.evaluate(tests, verbose=0, return_dict=True)
        metrics = {name: float(value) for name, value in found.items()}
        described = {
            "data": data,
            "model": model,
            "weights": weights,
            "image_size": size,
            "preset": preset,
            **dataclasses.asdict(settings),
            "test_images": test_images,
            "keras_amto": __version__,
            "keras": keras.version(),
        }
        save_results(place, trained, described, metrics, names)
    print(f"\n{trained.finalists}\n")
    accuracy, loss = metrics["accuracy"], metrics["loss"]
    print(f"test accuracy {accuracy:.4f}, test loss {loss:.4f}")
    print(output)


def train_on_images(
    network: keras.Model,
    images: Any,
    settings: RunSettings,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 1,
) -> AMTOModel:
    """Trains a classifier on a dataset of images and class indices."""
    flip = keras.layers.RandomFlip("horizontal") if settings.flip else None
    names = (
        "num_tasks", "transfer_interval", "validation_split", "holdout_split",
        "seed", "memory_limit", "cache_dir",
    )  # fmt: skip
    return train_amto(
        network,
        images,
        None,
        settings.make_optimizer(),
        settings.max_steps,
        {name: getattr(settings, name) for name in names} | {"augment": flip},
        patience=settings.patience,
        stop_when=settings.stop_when,
        callbacks=callbacks,
        batch_size=settings.batch_size,
        verbose=verbose,
    )
