"""Networks that `keras.applications` lacks, with its conventions."""

from keras_amto.applications import squeezenet
from keras_amto.applications.image_classifier import image_classifier
from keras_amto.applications.squeezenet import SqueezeNet

__all__ = ["SqueezeNet", "image_classifier", "squeezenet"]
