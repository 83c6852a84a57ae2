"""One call of `fit`, around Algorithm 1."""

from keras_amto.fit.carried import Carried
from keras_amto.fit.fitting import run_fit
from keras_amto.fit.plan import plan_fit

__all__ = ["Carried", "plan_fit", "run_fit"]
