"""
Title: Training a network of keras.applications with AMTO
Author: The keras_amto developers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: MobileNetV2 with frozen and then unfrozen layers, in four tasks.
"""

"""
## Introduction

Any Keras model can be wrapped, also one with pretrained weights. Two calls of
`fit` are the usual way to fine-tune: first the new head on a frozen base, then
all layers with a small learning rate. AMTO does both: compiling again keeps
what every task has learned.

Images are the digits of scikit-learn, enlarged. Pass `--weights` with a file
of ImageNet weights of `MobileNetV2(include_top=False)` to start from them.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_amto

"""
## Images
"""


def load_images(size, side):
    """Returns colour images of digits in [-1, 1], and their classes."""
    x, y = load_digits(return_X_y=True)
    x = (x[:size].reshape(-1, 8, 8, 1) / 8 - 1).astype("float32")
    x = keras.ops.convert_to_numpy(keras.ops.image.resize(x, (side, side)))
    return np.repeat(x, 3, axis=-1), y[:size]


"""
## A pretrained base and a new head
"""


def make_network(side, weights):
    """Returns the base and the whole network."""
    base = keras.applications.MobileNetV2(
        input_shape=(side, side, 3),
        include_top=False,
        pooling="avg",
        weights=weights,
    )
    inputs = keras.Input((side, side, 3))
    outputs = keras.layers.Dense(10, activation="softmax")(base(inputs))
    return base, keras.Model(inputs, outputs)


def compile_network(model, learning_rate):
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


"""
## Two stages
"""


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default=None)
    parser.add_argument("--images", type=int, default=900)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--num-tasks", type=int, default=4)
    options = parser.parse_args(arguments)

    x, y = load_images(options.images, options.side)
    test = options.images // 3
    base, network = make_network(options.side, options.weights)
    model = keras_amto.AMTOModel(
        network, options.num_tasks, transfer_interval=10, seed=0
    )

    base.trainable = False
    compile_network(model, 1e-3)
    model.fit(x[test:], y[test:], batch_size=32, epochs=options.epochs)

    base.trainable = True
    compile_network(model, 1e-3 if options.weights is None else 1e-5)
    model.fit(x[test:], y[test:], batch_size=32, epochs=options.epochs)

    print(model.finalists)
    loss, accuracy = model.evaluate(x[:test], y[:test], verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    return model


if __name__ == "__main__":
    main()
