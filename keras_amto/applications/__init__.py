"""Networks that `keras.applications` lacks, with its conventions."""

from keras_amto.applications import squeezenet
from keras_amto.applications.squeezenet import SqueezeNet

__all__ = ["SqueezeNet", "squeezenet"]
