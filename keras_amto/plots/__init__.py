"""Pictures of a run and of a comparison.

Each picture is two functions: one that computes what it shows, without
matplotlib, and one that draws it into `ax` and returns it. matplotlib is
imported when something is drawn.
"""

from keras_amto.plots.arms import ArmIntervals
from keras_amto.plots.arms import comparison
from keras_amto.plots.arms import comparison_data
from keras_amto.plots.donor_choice import DonorEntropy
from keras_amto.plots.donor_choice import entropy
from keras_amto.plots.donor_choice import entropy_data
from keras_amto.plots.final_table import FinalTable
from keras_amto.plots.final_table import finalists
from keras_amto.plots.final_table import finalists_data
from keras_amto.plots.lanes import Lanes
from keras_amto.plots.lanes import lineage_data
from keras_amto.plots.lineage_picture import lineage
from keras_amto.plots.matrices import RelationshipMatrices
from keras_amto.plots.matrices import relationships
from keras_amto.plots.matrices import relationships_data
from keras_amto.plots.validation_curves import ValidationCurves
from keras_amto.plots.validation_curves import curves
from keras_amto.plots.validation_curves import curves_data

__all__ = [
    "ArmIntervals",
    "DonorEntropy",
    "FinalTable",
    "Lanes",
    "RelationshipMatrices",
    "ValidationCurves",
    "comparison",
    "comparison_data",
    "curves",
    "curves_data",
    "entropy",
    "entropy_data",
    "finalists",
    "finalists_data",
    "lineage",
    "lineage_data",
    "relationships",
    "relationships_data",
]
