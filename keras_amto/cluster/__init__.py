"""Several worker processes that train one population."""

from keras_amto.cluster.cluster import Cluster
from keras_amto.cluster.errors import LostWorkerError

__all__ = ["Cluster", "LostWorkerError"]
