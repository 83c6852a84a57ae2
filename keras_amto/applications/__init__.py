"""Networks that `keras.applications` lacks, with its conventions."""

from keras_amto.applications import squeezenet
from keras_amto.applications.googlenet import GoogLeNet
from keras_amto.applications.image_classifier import image_classifier
from keras_amto.applications.resnet18 import ResNet18
from keras_amto.applications.squeezenet import SqueezeNet
from keras_amto.applications.vgg16 import VGG16

__all__ = [
    "VGG16",
    "GoogLeNet",
    "ResNet18",
    "SqueezeNet",
    "image_classifier",
    "squeezenet",
]
