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
needed to use it: not for TensorFlow Serving, and not here.

- `python examples/serve_saved_model.py` predicts digits. Run
  `examples/quickstart_digits.py` first, which leaves a winner.
- `python examples/serve_saved_model.py RUN_DIR IMAGE ...` classifies image
  files, with what `python -m keras_amto train` has left in a directory.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

"""
## Digits

A SavedModel takes what the network took in training.
"""


def predict_digits(path="served/digits", count=10):
    """Predicts some digits."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    served = tf.saved_model.load(path)
    images = tf.constant(x[:count] / 16, tf.float32)
    predicted = served.serve(images).numpy().argmax(axis=1)
    print("predicted", predicted)
    print("in truth ", y[:count])
    return np.array(predicted)


"""
## Images

The networks of `train` hold their own preprocessing. What is left to do is to
decode a file, and to resize it as the signature says.
"""


def classify_images(run_dir, files):
    """Says what is in some image files."""
    run_dir = pathlib.Path(run_dir)
    names = (run_dir / "classes.txt").read_text("utf-8").splitlines()
    served = tf.saved_model.load(str(run_dir / "saved_model"))
    signature = served.signatures["serving_default"]
    (spec,) = signature.structured_input_signature[1].values()
    classes = []
    for file in files:
        image = tf.io.decode_image(
            tf.io.read_file(file), channels=3, expand_animations=False
        )
        image = tf.image.resize(image, spec.shape[1:3], antialias=True)
        (probabilities,) = served.serve(image[None]).numpy()
        classes.append(names[probabilities.argmax()])
        print(f"{file}: {classes[-1]}, {probabilities.max():.3f}")
    return classes


def main(*arguments):
    """Serves digits, or images where files are given."""
    path, *files = arguments or ("served/digits",)
    served = classify_images(path, files) if files else predict_digits(path)
    used = {name.partition(".")[0] for name in sys.modules}
    print("keras_amto was imported:", "keras_amto" in used)
    return served


if __name__ == "__main__":
    main(*sys.argv[1:])
