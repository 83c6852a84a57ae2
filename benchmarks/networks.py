"""Networks that benchmarks train, by `--network benchmarks.networks:NAME`."""

import keras


def small_cnn(input_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Two convolutions, 8 and 16 filters: a quarter of the cost of `cnn`.

    Like `cnn` it has batch normalisation, pooling and dropout. All arms of a
    seed on Fashion-MNIST take minutes on one core instead of an hour.
    """
    layers: list[keras.layers.Layer] = []
    for filters in (8, 16):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
        ]
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Rescaling(1 / 255),
            *layers,
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
