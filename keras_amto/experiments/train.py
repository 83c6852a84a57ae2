"""`python -m keras_amto train`: one run on images."""

import contextlib
import dataclasses
import math
import os
import pathlib
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.backup import BackupStore
from keras_amto.callbacks import AMTOCallback
from keras_amto.callbacks import PopulationBackup
from keras_amto.experiments.job import Job
from keras_amto.experiments.job import prepare
from keras_amto.experiments.ledger_file import LedgerFile
from keras_amto.experiments.run_directory import new_run
from keras_amto.experiments.run_directory import save_results
from keras_amto.experiments.settings import RunSettings
from keras_amto.experiments.settings import check_given
from keras_amto.ledger import Ledger
from keras_amto.model import AMTOModel
from keras_amto.report import save_run
from keras_amto.tasks import read_data
from keras_amto.version import __version__

LOSS = "sparse_categorical_crossentropy"
Path = str | os.PathLike[str]


def train(
    data: str,
    given: Mapping[str, Any],
    *,
    model: str | None = None,
    output: Path | None = None,
    weights: Path | None = None,
    image_size: int | None = None,
    data_dir: Path | None = None,
    preset: str | None = None,
    overwrite: bool = False,
    backup: Path | None = None,
) -> dict[str, Any]:
    """Trains a network on images, tests the answer and saves everything.

    `data` and `data_dir` are as in `load_images`, `model` and `weights` as in
    `make_network`, `overwrite` as in `new_run`. `given` are settings of
    `RunSettings`; what it lacks is decided by the folder. `preset` is the name
    of what the settings were taken from.

    Returns:
        The figures of the test, and where the run was saved.
    """
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow. Received: the backend "
            f"{keras.config.backend()!r}. Expected: KERAS_BACKEND=tensorflow."
        )
    # Here, since `import keras_amto` imports nothing but Keras.
    from keras_amto.experiments.run_progress import RunProgress

    # What is wrong is refused before anything is read.
    check_given([*given, "backup"] if backup else given, RunSettings(**given))
    output = output or pathlib.Path("runs") / pathlib.Path(data).resolve().name
    _refuse_within(output, data)
    with new_run(output, overwrite) as place:
        job = prepare(data, given, model, weights, image_size, data_dir, preset)
        settings = job.settings
        described = {
            "data": data,
            "model": job.model,
            "weights": job.weights,
            "image_size": job.image_size,
            "preset": preset,
            **dataclasses.asdict(settings),
            "keras_amto": __version__,
            "keras": keras.version(),
        }
        if settings.method == "amto":  # who watches finds a run
            save_run(place, described, Ledger(), None)
        test_images = count_images(job.tests, settings)
        print(f"{test_images} images are kept for the test.")
        if settings.method == "full":
            trained = train_on_everything(job)
        else:
            callbacks: list[keras.callbacks.Callback] = [
                RunProgress(settings.max_steps),
                LedgerFile(place / "ledger.jsonl"),
            ]
            if backup:  # which is of use until the results are there
                callbacks.append(
                    PopulationBackup(backup, delete_checkpoint=False)
                )
            trained = train_on_images(
                job.network, job.images, settings, callbacks
            )
        found = trained.evaluate(job.tests, verbose=0, return_dict=True)
        metrics = {name: float(value) for name, value in found.items()}
        if not math.isfinite(metrics["loss"]):
            raise RuntimeError(
                "The network has diverged, and nothing is saved. Received: "
                f"a test loss of {metrics['loss']}. "
                "Expected: a finite one; lower the learning rate."
            )
        described["test_images"] = test_images
        save_results(place, trained, described, metrics, job.class_names)
    if backup:
        BackupStore(backup).clear()
    if isinstance(trained, AMTOModel):
        print(f"\n{trained.finalists}\n")
    accuracy, loss = metrics["accuracy"], metrics["loss"]
    print(f"test accuracy {accuracy:.4f}, test loss {loss:.4f}")
    print(os.fspath(output))
    return {"output": os.fspath(output), **metrics, "settings": described}


def _refuse_within(output: Path, data: str) -> None:
    """Raises where results would be taken for images of the data."""
    place, folder = (pathlib.Path(each).resolve() for each in (output, data))
    if folder.is_dir() and place.is_relative_to(folder):
        raise ValueError(
            "The results would lie among the images. Received: "
            f"{os.fspath(output)!r} for the output, within the data "
            f"{data!r}. Expected: another --output."
        )


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
) -> AMTOModel:
    """Trains a classifier on a dataset of images and class indices."""
    names = (
        "num_tasks", "transfer_interval", "validation_split", "holdout_split",
        "transfer", "acceptance", "seed", "memory_limit", "cache_dir",
    )  # fmt: skip
    flip = flips(settings)
    return train_amto(
        network,
        images,
        None,
        settings.make_optimizer(),
        settings.max_steps,
        {name: getattr(settings, name) for name in names} | {"augment": flip},
        patience=settings.patience,
        stop_when=settings.stop_when,
        max_seconds=settings.time_limit,
        answer=settings.answer,
        callbacks=callbacks,
        batch_size=settings.batch_size,
        verbose=0,
    )


def flips(settings: RunSettings) -> keras.Layer | None:
    """Returns the augmentation of a run."""
    return keras.layers.RandomFlip("horizontal") if settings.flip else None


def train_on_everything(job: Job) -> keras.Model:
    """Trains one network on all images but those of the test."""
    from keras_amto.experiments.data import LabelledArrays
    from keras_amto.experiments.population import train_population
    from keras_amto.experiments.run_progress import RunProgress

    settings, begin = job.settings, time.monotonic()
    is_average = settings.answer == "average"
    optimizer = settings.make_optimizer()
    progress = RunProgress(settings.max_steps)
    progress.on_train_begin()
    with contextlib.ExitStack() as files:
        files.callback(progress.on_train_end)
        images, _ = read_data(
            job.images,
            memory_limit=settings.memory_limit,
            cache_dir=settings.cache_dir,
            files=files,
        )
        left = settings.time_limit
        if left is not None:
            left -= time.monotonic() - begin
        trained = train_population(
            job.network,
            LabelledArrays(images.x, images.y),
            optimizer,
            size=1,
            steps=settings.max_steps,
            batch_size=settings.batch_size,
            interval=settings.transfer_interval,
            seed=settings.seed,
            augment=flips(settings),
            on_step=progress.show,
            max_seconds=left,
            averages=is_average,
        )
        weights = trained.average() if is_average else trained.weights[0]
    job.network.set_weights(weights)
    job.network.compile(optimizer, LOSS, metrics=["accuracy"])
    return job.network


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
    max_seconds: float | None = None,
    answer: str = "winner",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **fit_arguments: Any,
) -> AMTOModel:
    """Trains a classifier with AMTO, or the conventional way with one task.

    `max_steps` and what follows up to `answer` are arguments of `AMTOCallback`;
    `settings` are more arguments of `AMTOModel`.
    """
    model = AMTOModel(network, **settings)
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    stop = AMTOCallback(
        patience,
        stop_when,
        max_steps=max_steps,
        max_seconds=max_seconds,
        answer=answer,
    )
    model.fit(
        x,
        y,
        epochs=max_steps,  # an upper bound: `stop` ends training
        callbacks=[stop, *callbacks],
        **fit_arguments,
    )
    return model
