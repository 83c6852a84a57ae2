"""A small comparison, and the parts that its arms are given."""

import keras

from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.experiment import Experiment
from keras_amto.experiments.repetition import Repetition
from tests.data import digits


def softmax():
    """One layer: its gradient is a line of NumPy."""
    return keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(10, "softmax")]
    )


def experiment(**changes):
    settings = dict(
        network=softmax,
        samples=LabelledArrays(*digits(400)),
        test=None,
        train_size=120,
        steps=12,
        num_tasks=2,
        transfer_interval=2,
        batch_size=16,
        validation_split=0.1,
        holdout_split=0.1,
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    )
    return Experiment(**(settings | changes))


def repetition(directory, arm, seed=0, **changes):
    """An arm on a seed, as `compare` makes it."""
    shared = experiment(**changes)
    return Repetition(
        shared, seed, arm, *shared.data(seed), directory, lambda step: None
    )
