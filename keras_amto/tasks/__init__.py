"""From data of any kind to M tasks to batches."""

from keras_amto.tasks.arrays import lies_ready
from keras_amto.tasks.batches import BatchWindow
from keras_amto.tasks.batches import TrainingBatches
from keras_amto.tasks.batches import in_order
from keras_amto.tasks.indexed_data import EvaluationSet
from keras_amto.tasks.indexed_data import IndexedData
from keras_amto.tasks.indexed_data import evaluation_seed
from keras_amto.tasks.indexed_data import statistics_set
from keras_amto.tasks.reading import read_data
from keras_amto.tasks.sources import is_dataset
from keras_amto.tasks.split import Task
from keras_amto.tasks.split import split_tasks
from keras_amto.tasks.splits import Splits
from keras_amto.tasks.splits import check_splits
from keras_amto.tasks.splits import digest

__all__ = [
    "BatchWindow",
    "EvaluationSet",
    "IndexedData",
    "Splits",
    "Task",
    "TrainingBatches",
    "check_splits",
    "digest",
    "evaluation_seed",
    "in_order",
    "is_dataset",
    "lies_ready",
    "read_data",
    "split_tasks",
    "statistics_set",
]
