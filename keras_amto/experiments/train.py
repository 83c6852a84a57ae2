"""`python -m keras_amto train`: one run on images."""

import dataclasses
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import PopulationBackup
from keras_amto.experiments.data import load_images
from keras_amto.experiments.ledger_file import LedgerFile
from keras_amto.experiments.networks import image_size_of
from keras_amto.experiments.networks import make_network
from keras_amto.experiments.run_directory import new_run
from keras_amto.experiments.run_directory import save_results
from keras_amto.experiments.settings import RunSettings
from keras_amto.ledger import Ledger
from keras_amto.model import AMTOModel
from keras_amto.report import save_run
from keras_amto.tasks import read_data
from keras_amto.version import __version__

LOSS = "sparse_categorical_crossentropy"
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

    `data` and `data_dir` are as in `load_images`, `model` and `weights` as in
    `make_network`, `overwrite` as in `new_run`. `preset` is the name of what
    the settings were taken from.
    """
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow. Received: the backend "
            f"{keras.config.backend()!r}. Expected: KERAS_BACKEND=tensorflow."
        )
    with new_run(output, overwrite) as place:
        size = image_size_of(model, image_size)
        described = {
            "data": data,
            "model": model,
            "weights": weights,
            "image_size": size,
            "preset": preset,
            **dataclasses.asdict(settings),
            "keras_amto": __version__,
            "keras": keras.version(),
        }
        save_run(place, described, Ledger(), None)  # who watches finds a run
        images, tests, names = load_images(data, size, settings.seed, data_dir)
        keras.utils.set_random_seed(settings.seed)
        network = make_network(model, (size, size, 3), len(names), weights)
        test_images = count_images(tests, settings)
        print(f"{test_images} images are kept for the test.")
        callbacks: list[Any] = [LedgerFile(place / "ledger.jsonl")]
        if backup:
            callbacks.append(PopulationBackup(backup))
        trained = train_on_images(network, images, settings, callbacks)
        found = trained.evaluate(tests, verbose=0, return_dict=True)
        metrics = {name: float(value) for name, value in found.items()}
        described["test_images"] = test_images
        save_results(place, trained, described, metrics, names)
    print(f"\n{trained.finalists}\n")
    accuracy, loss = metrics["accuracy"], metrics["loss"]
    print(f"test accuracy {accuracy:.4f}, test loss {loss:.4f}")
    print(output)


def count_images(images: Any, settings: RunSettings) -> int:
    """Decodes all images of a dataset, and returns how many there are.

    So a file that cannot be decoded is named before training and not after it.
    """
    limit, cache_dir = settings.memory_limit, settings.cache_dir
    return read_data(images, memory_limit=limit, cache_dir=cache_dir)[0].size


def train_on_images(
    network: keras.Model,
    images: Any,
    settings: RunSettings,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 1,
) -> AMTOModel:
    """Trains a classifier on a dataset of images and class indices."""
    names = (
        "num_tasks", "transfer_interval", "validation_split", "holdout_split",
        "transfer", "acceptance", "seed", "memory_limit", "cache_dir",
    )  # fmt: skip
    flip = keras.layers.RandomFlip("horizontal") if settings.flip else None
    return train_amto(
        network,
        images,
        None,
        settings.make_optimizer(),
        settings.max_steps,
        {name: getattr(settings, name) for name in names} | {"augment": flip},
        patience=settings.patience,
        stop_when=settings.stop_when,
        answer=settings.answer,
        callbacks=callbacks,
        batch_size=settings.batch_size,
        verbose=verbose,
    )


def train_amto(
    network: keras.Model,
    x: Any,
    y: Any,
    optimizer: keras.optimizers.Optimizer,
    max_steps: int,
    settings: Mapping[str, Any],
    *,
    patience: int | None = None,
    stop_when: str = "any",
    answer: str = "winner",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **fit_arguments: Any,
) -> AMTOModel:
    """Trains a classifier with AMTO, or the conventional way with one task.

    `max_steps`, `patience`, `stop_when` and `answer` are those of
    `AMTOCallback`; `settings` are more arguments of `AMTOModel`.
    """
    model = AMTOModel(network, **settings)
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    stop = AMTOCallback(patience, stop_when, max_steps=max_steps, answer=answer)
    model.fit(
        x,
        y,
        epochs=max_steps,  # an upper bound: `stop` ends training
        callbacks=[stop, *callbacks],
        **fit_arguments,
    )
    return model
