"""Runs of AMTO on images: what `python -m keras_amto train` does."""

from keras_amto.image_runs.directory import new_run
from keras_amto.image_runs.inputs import load_images
from keras_amto.image_runs.inputs import load_network
from keras_amto.image_runs.results import save_results
from keras_amto.image_runs.training import TestImages
from keras_amto.image_runs.training import train_tasks
from keras_amto.run_settings import PAPER
from keras_amto.run_settings import RunSettings

__all__ = [
    "PAPER",
    "RunSettings",
    "TestImages",
    "load_images",
    "load_network",
    "new_run",
    "save_results",
    "train_tasks",
]
