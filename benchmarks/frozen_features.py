"""What a linear classifier makes of a pretrained network's features.

A network that was fine-tuned and stays below has not been trained to its end.
Images are drawn as `python -m keras_amto compare` draws them, so that a seed's
figure stands beside its arms:

    python -m benchmarks.frozen_features --data ./rsscn7 --image-size 64 \\
        --network squeezenet --weights squeezenet_v1.1_imagenet_notop.h5 \\
        --train-size 1120 --seeds 0 1 2 3 4 5

The classifier is a ridge regression of one-hot classes on the inputs of the
network's last layer, each of them standardised on the training images.
"""

import argparse

import keras
import numpy as np
from sklearn.linear_model import RidgeClassifier

from keras_amto.experiments.data import load_arrays
from keras_amto.experiments.experiment import Experiment
from keras_amto.experiments.networks import make_network

PENALTY = 100.0  # on standardised features


def features_of(network: keras.Model, x: np.ndarray) -> np.ndarray:
    """Returns the inputs of the last layer, in inference."""
    body = keras.Model(network.inputs, network.layers[-1].input)
    return np.asarray(body.predict(x, batch_size=64, verbose=0))


def accuracy(
    features: np.ndarray, labels: np.ndarray, train: int, penalty: float
) -> float:
    """Fits the first `train` samples, and returns the accuracy on the rest."""
    mean = features[:train].mean(0)
    deviation = features[:train].std(0) + 1e-6
    features = (features - mean) / deviation
    classifier = RidgeClassifier(alpha=penalty)
    classifier.fit(features[:train], labels[:train])
    return float(classifier.score(features[train:], labels[train:]))


def main(arguments: list[str] | None = None) -> list[float]:
    """Prints the accuracy of every seed and their mean; returns them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", required=True)
    add("--image-size", type=int, default=96)
    add("--network", required=True)
    add("--weights")
    add("--train-size", type=int, required=True)
    add("--seeds", type=int, nargs="+", required=True)
    add("--development-split", type=float, default=0.2)
    options = parser.parse_args(arguments)
    samples = load_arrays(options.data, options.image_size)

    def network() -> keras.Model:
        return make_network(
            options.network,
            samples.x.shape[1:],
            samples.classes,
            options.weights,
            samples.x.dtype,
        )

    experiment = Experiment(
        network, samples, None, options.train_size,
        steps=1, num_tasks=1, transfer_interval=1, batch_size=1,
        validation_split=0.1, holdout_split=0.1,
        optimizer=keras.optimizers.SGD(),
        development_split=options.development_split,
    )  # fmt: skip
    made = network()
    accuracies = []
    for seed in options.seeds:
        gross, test = experiment.data(seed)
        x = np.concatenate([gross.x, test.x])
        y = np.concatenate([gross.y, test.y])
        accuracies.append(
            accuracy(features_of(made, x), y, len(gross.x), PENALTY)
        )
        print(f"seed {seed}: {100 * accuracies[-1]:.2f} %")
    print(f"mean: {100 * np.mean(accuracies):.2f} %")
    return accuracies


if __name__ == "__main__":
    main()
