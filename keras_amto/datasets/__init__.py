"""The paper's data sets, and any tree of class folders, as `tf.data` sets."""

from keras_amto.datasets.folder import ImageSets
from keras_amto.datasets.folder import load_folder
from keras_amto.datasets.loading import NAMES
from keras_amto.datasets.loading import load

__all__ = ["NAMES", "ImageSets", "load", "load_folder"]
