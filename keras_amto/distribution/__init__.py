"""Which task runs on which device, of this machine or of others."""

from typing import TYPE_CHECKING
from typing import Any

from keras_amto.distribution.errors import LostMachineError
from keras_amto.distribution.placement import Placement
from keras_amto.distribution.placement import machine as machine
from keras_amto.distribution.strategies import Scope as Scope
from keras_amto.distribution.strategies import current_scope as current_scope
from keras_amto.distribution.strategies import is_cluster as is_cluster
from keras_amto.distribution.strategies import outside_scope as outside_scope
from keras_amto.distribution.strategies import (
    placement_under as placement_under,
)
from keras_amto.distribution.strategies import (
    resolve_strategy as resolve_strategy,
)

if TYPE_CHECKING:  # `__getattr__` imports them
    from keras_amto.distribution.cluster import connect
    from keras_amto.distribution.serving import serve

__all__ = ["LostMachineError", "Placement", "connect", "serve"]


def __getattr__(name: str) -> Any:
    """Imports what needs TensorFlow when it is asked for."""
    if name == "connect":
        from keras_amto.distribution.cluster import connect

        return connect
    if name == "serve":
        from keras_amto.distribution.serving import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
