"""Optimizers that wrap those of Keras."""

from keras_amto.optimizers.linear_prediction import LinearPrediction

__all__ = ["LinearPrediction"]
