"""Callbacks for `AMTOModel`, and how it treats the stock ones."""

from keras_amto.callbacks.amto_callback import AMTOCallback
from keras_amto.callbacks.population_backup import PopulationBackup
from keras_amto.callbacks.round_callback import RoundCallback

__all__ = ["AMTOCallback", "PopulationBackup", "RoundCallback"]
