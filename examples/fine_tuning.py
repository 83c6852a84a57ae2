# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
# Fine-tuning a network of keras.applications

Two calls of `fit` are the usual way to fine-tune a pretrained network: first a
new head on a frozen base, then all layers at a small learning rate. AMTO does
both. `compile` keeps what every task has learned.

`pip install ".[cpu,examples]"` installs what it needs.
"""

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_amto

keras.utils.set_random_seed(0)

# %% [markdown]
"""
## Weights

Keras downloads the weights of ImageNet. The variable `WEIGHTS` of the
environment names a file instead, for a machine without a network; `none` starts
from random weights.
"""

# %%
weights = os.environ.get("WEIGHTS", "imagenet")
weights = None if weights == "none" else weights

# %% [markdown]
"""
## Images

The digits of scikit-learn, enlarged to 64 pixels and given three channels. Put
your own images here. The command `keras-amto train` does all of this for a
folder of them.
"""

# %%
x, y = load_digits(return_X_y=True)
x = x[:600].reshape(-1, 8, 8, 1).astype("float32") * (255 / 16)
x = keras.ops.convert_to_numpy(keras.ops.image.resize(x, (64, 64)))
x = np.repeat(x, 3, axis=-1)
x_train, y_train, x_test, y_test = x[:400], y[:400], x[400:], y[400:600]

# %% [markdown]
"""
## A pretrained base and a new head

The preprocessing is a layer of the network, so that whoever uses the winner
cannot forget it. `training=False` leaves the statistics of batch normalisation
as they are, also when all layers are trained: these data are too few to
estimate them anew.
"""

# %%
base = keras.applications.MobileNetV2(
    input_shape=(64, 64, 3), include_top=False, pooling="avg", weights=weights
)
inputs = keras.Input((64, 64, 3))
scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
features = base(scaled, training=False)
outputs = keras.layers.Dense(10, activation="softmax")(features)
network = keras.Model(inputs, outputs)

model = keras_amto.AMTOModel(network, num_tasks=2, transfer_interval=10, seed=0)

# %% [markdown]
"""
## The head first

What is trained is decided when training begins, as in Keras.
"""


# %%
def compile_at(learning_rate):
    """Compiles the model for one of the two stages."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


base.trainable = False
compile_at(3e-3)
history = model.fit(x_train, y_train, batch_size=32, epochs=6, verbose=0)
print("test loss and accuracy:", model.evaluate(x_test, y_test, verbose=0))

# %% [markdown]
"""
## Then all layers

All tasks go on from their own weights. Their optimizers start anew.
"""

# %%
base.trainable = True
compile_at(3e-5)
history = model.fit(x_train, y_train, batch_size=32, epochs=4, verbose=0)
print("test loss and accuracy:", model.evaluate(x_test, y_test, verbose=0))

# %% [markdown]
"""
The standard error of an accuracy on 200 images is about three points, so these
two figures are not told apart. Whether the second stage helps depends on the
data and on the learning rate; a large one spoils what the base has learned.

## The winner

A plain Keras model, with the preprocessing inside.
"""

# %%
print(model.finalists)
model.best_model.save("fine_tuned.keras")
