"""Does it help, and what does it cost: AMTO beside arms of equal cost."""

from keras_amto.comparison.arms import ARMS
from keras_amto.comparison.comparing import compare
from keras_amto.comparison.results import Comparison
from keras_amto.comparison.results import Result

__all__ = ["ARMS", "Comparison", "Result", "compare"]
