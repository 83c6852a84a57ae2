"""Which task runs on which device, of this machine or of others."""

from keras_amto.distribution.placement import Placement
from keras_amto.distribution.placement import place
from keras_amto.distribution.strategies import Scope
from keras_amto.distribution.strategies import current_scope
from keras_amto.distribution.strategies import outside_scope
from keras_amto.distribution.strategies import placement_under
from keras_amto.distribution.strategies import resolve_strategy

__all__ = [
    "Placement",
    "Scope",
    "current_scope",
    "outside_scope",
    "place",
    "placement_under",
    "resolve_strategy",
]
