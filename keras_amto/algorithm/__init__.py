"""The paper's equations, and averages of networks, on NumPy arrays.

Source of the equations: Zhang, Qin, Pan, Sellis, "A Novel DNN Training
Framework via Data Sampling and Multi-Task Optimization", IJCNN 2020, section
III-B. Nothing here imports Keras.
"""

from keras_amto.algorithm.harmonic import best_candidate
from keras_amto.algorithm.harmonic import harmonic_accuracy
from keras_amto.algorithm.merging import EMPTY_MEAN
from keras_amto.algorithm.merging import RunningMean
from keras_amto.algorithm.merging import merge
from keras_amto.algorithm.merging import pull
from keras_amto.algorithm.patience import Patience
from keras_amto.algorithm.patience import initial_patience
from keras_amto.algorithm.patience import out_of_patience
from keras_amto.algorithm.patience import update_patience
from keras_amto.algorithm.randomness import Purpose
from keras_amto.algorithm.randomness import random_stream
from keras_amto.algorithm.relationships import donor_entropy
from keras_amto.algorithm.relationships import donor_probabilities
from keras_amto.algorithm.relationships import draw_donors
from keras_amto.algorithm.relationships import initial_relationships
from keras_amto.algorithm.relationships import update_relationships
from keras_amto.algorithm.transfer import accepts
from keras_amto.algorithm.transfer import comparable_losses

__all__ = [
    "EMPTY_MEAN",
    "Patience",
    "Purpose",
    "RunningMean",
    "accepts",
    "best_candidate",
    "comparable_losses",
    "donor_entropy",
    "donor_probabilities",
    "draw_donors",
    "harmonic_accuracy",
    "initial_patience",
    "initial_relationships",
    "merge",
    "out_of_patience",
    "pull",
    "random_stream",
    "update_patience",
    "update_relationships",
]
