"""
Title: Serving a winner without Keras
Author: The keras_amto developers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: Loads what AMTOModel.export wrote, with TensorFlow alone.
"""

"""
## Introduction

An exported winner is an ordinary SavedModel. Neither keras_amto nor Keras is
needed to use it: not for TensorFlow Serving, and not here. Run
`examples/quickstart_digits.py` first, which leaves one.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits


def main(path="served/digits", count=10):
    """Predicts some digits."""
    x, y = load_digits(return_X_y=True)
    served = tf.saved_model.load(path)
    images = tf.constant(x[:count] / 16, tf.float32)
    predicted = served.serve(images).numpy().argmax(axis=1)
    print("predicted", predicted)
    print("in truth ", y[:count])
    used = {name.partition(".")[0] for name in sys.modules}
    print("keras_amto was imported:", "keras_amto" in used)
    return np.array(predicted)


if __name__ == "__main__":
    main(*sys.argv[1:])
