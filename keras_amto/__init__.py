"""AMTO for Keras: train M tasks that learn from each other, keep the best.

See `AMTOModel`, and Zhang, Qin, Pan, Sellis, IJCNN 2020.
"""

from keras_amto import invocation
from keras_amto.version import __version__

if not invocation.imports_later:
    from keras_amto import applications
    from keras_amto import callbacks
    from keras_amto import datasets
    from keras_amto import distribution
    from keras_amto import optimizers
    from keras_amto import plots
    from keras_amto.callbacks import AMTOCallback
    from keras_amto.callbacks import PopulationBackup
    from keras_amto.experiments.compare import compare
    from keras_amto.ledger import Ledger
    from keras_amto.model import AMTOModel

__all__ = [
    "AMTOCallback",
    "AMTOModel",
    "Ledger",
    "PopulationBackup",
    "__version__",
    "applications",
    "callbacks",
    "compare",
    "datasets",
    "distribution",
    "optimizers",
    "plots",
]
