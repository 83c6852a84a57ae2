"""Pictures of a run and of a comparison.

Each picture is two functions: one returns what it shows, and needs no
matplotlib; the other draws it into `ax` and returns `ax`.
"""

from keras_amto.plots.comparison import ArmIntervals
from keras_amto.plots.comparison import comparison
from keras_amto.plots.comparison import comparison_data
from keras_amto.plots.curves import ValidationCurves
from keras_amto.plots.curves import curves
from keras_amto.plots.curves import curves_data
from keras_amto.plots.entropy import DonorEntropy
from keras_amto.plots.entropy import entropy
from keras_amto.plots.entropy import entropy_data
from keras_amto.plots.finalists import FinalTable
from keras_amto.plots.finalists import finalists
from keras_amto.plots.finalists import finalists_data
from keras_amto.plots.ladder import Rungs
from keras_amto.plots.ladder import ladder
from keras_amto.plots.ladder import ladder_data
from keras_amto.plots.lineage import Lanes
from keras_amto.plots.lineage import lineage
from keras_amto.plots.lineage import lineage_data
from keras_amto.plots.relationships import RelationshipMatrices
from keras_amto.plots.relationships import relationships
from keras_amto.plots.relationships import relationships_data

__all__ = [
    "ArmIntervals",
    "DonorEntropy",
    "FinalTable",
    "Lanes",
    "RelationshipMatrices",
    "Rungs",
    "ValidationCurves",
    "comparison",
    "comparison_data",
    "curves",
    "curves_data",
    "entropy",
    "entropy_data",
    "finalists",
    "finalists_data",
    "ladder",
    "ladder_data",
    "lineage",
    "lineage_data",
    "relationships",
    "relationships_data",
]
