"""From a gross training set to M tasks to batches."""

from keras_amto.tasks.arrays import lies_ready
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.batches import TrainingBatches
from keras_amto.tasks.batches import in_order
from keras_amto.tasks.gross_set import GrossSet
from keras_amto.tasks.sample_set import SampleSet
from keras_amto.tasks.samples import Samples
from keras_amto.tasks.samples import evaluation_seed
from keras_amto.tasks.sources import is_dataset
from keras_amto.tasks.sources import read_gross_set
from keras_amto.tasks.split import Task
from keras_amto.tasks.split import class_labels
from keras_amto.tasks.split import split_tasks

__all__ = [
    "BatchWindow",
    "GrossSet",
    "SampleSet",
    "Samples",
    "Task",
    "TrainingBatches",
    "class_labels",
    "evaluation_seed",
    "in_order",
    "is_dataset",
    "lies_ready",
    "read_gross_set",
    "split_tasks",
]
