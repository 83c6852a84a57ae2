"""The paper's equations on small NumPy arrays. Imports no Keras.

Source of all of them: Zhang, Qin, Pan, Sellis, "A Novel DNN Training Framework
via Data Sampling and Multi-Task Optimization", IJCNN 2020, section III-B.
"""

from keras_amto.algorithm.harmonic import best_candidate
from keras_amto.algorithm.harmonic import harmonic_accuracy
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
    "Patience",
    "Purpose",
    "accepts",
    "best_candidate",
    "comparable_losses",
    "donor_entropy",
    "donor_probabilities",
    "draw_donors",
    "harmonic_accuracy",
    "initial_patience",
    "initial_relationships",
    "out_of_patience",
    "random_stream",
    "update_patience",
    "update_relationships",
]
