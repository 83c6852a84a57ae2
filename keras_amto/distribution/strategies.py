"""What a `tf.distribute.Strategy` says about devices."""

import contextlib
import sys
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from keras_amto.arguments import wrong_type
from keras_amto.distribution.placement import Placement
from keras_amto.distribution.placement import divide
from keras_amto.distribution.placement import place

Scope = Callable[[], contextlib.AbstractContextManager[Any]]

_REFUSED = {
    "ParameterServerStrategy": (
        "keeps one set of variables on servers; AMTO's replicas are networks "
        "of their own"
    ),
    "MultiWorkerMirroredStrategy": (
        "runs the whole script in every process; AMTO's script runs in one, "
        "which uses the devices of the others: see "
        "keras_amto.distribution.connect"
    ),
    "TPUStrategy": (
        "runs one program on all cores at once; AMTO's workers step apart from "
        "each other"
    ),
}


def resolve_strategy(strategy: Any) -> Any:
    """The strategy to use, checked; for `None` that of the scope."""
    if strategy is None and keras.config.backend() == "tensorflow":
        strategy = _current_strategy()
    if strategy is None or is_cluster(strategy):
        return strategy
    tf = sys.modules.get("tensorflow")  # which code with a strategy imported
    if tf is None or not isinstance(strategy, tf.distribute.Strategy):
        expected = (
            "a tf.distribute.Strategy, what "
            "keras_amto.distribution.connect returns, or None"
        )
        raise wrong_type("strategy", strategy, "a strategy", expected)
    for name, reason in _REFUSED.items():
        modules = (tf.distribute, tf.distribute.experimental)
        if any(isinstance(strategy, getattr(each, name)) for each in modules):
            raise ValueError(
                f"A {name} {reason}. "
                f"Received: strategy={strategy!r}. "
                "Expected: tf.distribute.OneDeviceStrategy, MirroredStrategy "
                "or what keras_amto.distribution.connect returns."
            )
    return strategy


def is_cluster(strategy: Any) -> bool:
    """Whether a strategy is a cluster of several machines."""
    # Code that has a cluster imported its module.
    module = sys.modules.get("keras_amto.distribution.cluster")
    return module is not None and isinstance(strategy, module.Cluster)


def current_scope() -> Scope:
    """What makes the scope of the caller again."""
    strategy = _current_strategy()
    return contextlib.nullcontext if strategy is None else strategy.scope


@contextlib.contextmanager
def outside_scope() -> Iterator[None]:
    """Leaves the scope of a strategy for a while, where the caller is in one.

    Every worker is made in the scope of its own device, and scopes do not nest.
    """
    if _current_strategy() is None:
        yield
        return
    import tensorflow as tf

    # Private, and used in this place alone: a scope belongs to TensorFlow's
    # default graph, and no public name makes another one the default while
    # operations run eagerly. A test notices if it moves.
    from tensorflow.python.eager.context import eager_mode

    with tf.Graph().as_default(), eager_mode():
        yield


def _current_strategy() -> Any:
    tf = sys.modules.get("tensorflow")
    if tf is None or not tf.distribute.has_strategy():
        return None
    return tf.distribute.get_strategy()


def placement_under(strategy: Any, num_tasks: int, engine: str) -> Placement:
    """Lays the tasks over the devices of what `resolve_strategy` returned."""
    if engine != "tensorflow":
        if strategy is not None:
            raise ValueError(
                "A strategy places the graphs of the TensorFlow engine. "
                f"Received: strategy={strategy!r} with the {engine} engine "
                f"(backend={keras.config.backend()!r}). "
                "Expected: no strategy, or backend='tensorflow' without "
                "run_eagerly and without engine='portable'."
            )
        if engine == "jax":
            import jax

            return divide(num_tasks, list(map(str, jax.devices())))
        return place(num_tasks, [f"{keras.config.backend()} default"])
    import tensorflow as tf

    if strategy is None:
        gpus = tf.config.list_logical_devices("GPU")
        devices = [gpu.name for gpu in gpus] or ["/device:CPU:0"]
    elif is_cluster(strategy):
        devices = strategy.devices
    else:
        devices = strategy.extended.worker_devices
    return place(num_tasks, devices)
