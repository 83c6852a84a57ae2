"""Networks for tests."""

import keras


def mlp(units: int = 16, dropout: float = 0.0, **kwargs) -> keras.Model:
    """A small classifier of digits."""
    layers = [keras.Input((64,)), keras.layers.Dense(units, "relu")]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(10, "softmax"))
    return keras.Sequential(layers, **kwargs)


def cnn() -> keras.Model:
    """A small classifier of images of digits."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def everything() -> keras.Model:
    """Two outputs, a nested model, and all that keeps state of its own."""
    inputs = keras.Input((64,), name="pixels")
    nested = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(
                24, kernel_regularizer=keras.regularizers.L2(1e-3)
            ),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
        ],
        name="nested",
    )
    features = keras.layers.Dropout(0.3)(nested(inputs))
    digit = keras.layers.Dense(10, activation="softmax", name="digit")
    parity = keras.layers.Dense(1, activation="sigmoid", name="parity")
    return keras.Model(inputs, [digit(features), parity(features)])


@keras.saving.register_keras_serializable(package="tests")
class AlwaysDrops(keras.layers.Layer):
    """Dropout in inference too, and a count of all calls in a weight."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.calls = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="calls"
        )

    def call(self, inputs):
        self.calls.assign_add(1)
        noise = keras.random.dropout(inputs, 0.5, seed=self.seed_generator)
        return noise + self.calls / 1000


def sampler() -> keras.Model:
    """A classifier of digits that draws and counts in evaluation."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(16, "relu"),
            AlwaysDrops(),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def compiled(model: keras.Model, rate: float = 0.1, **kwargs) -> keras.Model:
    """Compiles a classifier of digits with momentum."""
    arguments = {
        "optimizer": keras.optimizers.SGD(rate, momentum=0.9),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    model.compile(**(arguments | kwargs))
    return model
