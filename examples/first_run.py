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
# First run

Train four tasks on handwritten digits, look at what happened, and save the
winner. It takes less than a minute on two CPU cores.

`pip install ".[cpu,examples,plots]"` installs what it needs.
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
## Data

1,797 images of 8 x 8 pixels come with scikit-learn. 1,000 of them are for
`fit`. The others are the test set, which no training sees: validation figures
are optimistic under AMTO, because a donor has trained on most of the validation
samples of another task.
"""

# %%
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
order = np.random.default_rng(0).permutation(len(x))
train, test = order[:1000], order[1000:]

# %% [markdown]
"""
## A network, wrapped

Any Keras model will do. `AMTOModel` makes four tasks of it. Each has its own
random split of the data into a training and a validation set. Every 50 steps,
each task tries a copy of another task's network, and keeps it if its own
validation loss is lower.
"""

# %%
network = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model = keras_amto.AMTOModel(network, num_tasks=4, transfer_interval=50, seed=0)
model.compile(
    optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    x[train],
    y[train],
    batch_size=64,
    epochs=30,
    verbose=0,
    callbacks=[keras_amto.AMTOCallback(patience=10)],
)

# %% [markdown]
"""
## Who won

Each row is the network of a task, each column the validation set of a task. The
winner has the highest harmonic mean of its row.
"""

# %%
print(model.finalists)

# %% [markdown]
"""
What counts is the test set. The model answers with the winner.
"""

# %%
loss, accuracy = model.evaluate(x[test], y[test], verbose=0)
print(f"test accuracy of the winner: {accuracy:.3f}")

# %% [markdown]
"""
## What happened

The ledger has a record of each round: who tried whose network, and whether it
was kept.
"""

# %%
for record in model.ledger[:3]:
    print(record.step, record.donors, record.accepted)

# %% [markdown]
"""
A picture says it at once. Each lane is a task. Where a transfer succeeded, the
lane takes the colour of the donor's. The bold line is the winner's ancestry.
"""

# %%
picture = keras_amto.plots.lineage(model.ledger, winner=model.best_task)

# %% [markdown]
"""
## Save and serve

`best_model` is a plain Keras model, which loads without keras_amto. `export`
writes a SavedModel for TensorFlow Serving.
"""

# %%
model.best_model.save("winner.keras")
again = keras.saving.load_model("winner.keras")
print(again.predict(x[test[:1]], verbose=0).argmax(), y[test[0]])

# %% [markdown]
"""
Is AMTO worth its eight times as many training steps on your data? The page of
results says what came of it so far, and `keras_amto.compare` tries it.
"""
