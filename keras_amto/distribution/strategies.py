"""What a `tf.distribute.Strategy` says about devices."""

import contextlib
import sys
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from keras_amto.distribution.placement import Placement
from keras_amto.distribution.placement import place

Scope = Callable[[], contextlib.AbstractContextManager[Any]]

_REFUSED = {
    "ParameterServerStrategy": (
        "keeps one set of variables on servers, which workers update whenever "
        "they are ready; AMTO's replicas are networks of their own, which have "
        "made the same steps when they are compared"
    ),
    "MultiWorkerMirroredStrategy": (
        "runs the whole script in every process; AMTO's script runs in one, "
        "which uses the devices of the others: see "
        "keras_amto.distribution.connect"
    ),
    "TPUStrategy": (
        "runs one program on all cores at once; AMTO's workers step apart from "
        "each other, in loops that the host drives"
    ),
}


def resolve_strategy(strategy: Any) -> Any:
    """Returns the strategy to use, checked.

    Args:
        strategy: A `tf.distribute.Strategy`, or `None` for the one in whose
            scope the caller is.

    Returns:
        The strategy, or `None` where there is none.

    Raises:
        TypeError: if it is not a strategy.
        ValueError: if it is of a kind that cannot place tasks.
    """
    # Code that has a strategy, or runs in the scope of one, imported it.
    tf = sys.modules.get("tensorflow")
    if strategy is None:
        if keras.config.backend() != "tensorflow" or tf is None:
            return None
        if not tf.distribute.has_strategy():
            return None
        strategy = tf.distribute.get_strategy()
    if is_cluster(strategy):
        return strategy
    if tf is None or not isinstance(strategy, tf.distribute.Strategy):
        raise TypeError(
            "`strategy` is not a strategy. "
            f"Received: strategy={strategy!r} (of type "
            f"{type(strategy).__name__}). "
            "Expected: a tf.distribute.Strategy, what "
            "keras_amto.distribution.connect returns, or None."
        )
    for name, reason in _REFUSED.items():
        kinds = (
            getattr(tf.distribute, name),
            getattr(tf.distribute.experimental, name),
        )
        if isinstance(strategy, kinds):
            raise ValueError(
                f"A {name} {reason}. "
                f"Received: strategy={strategy!r}. "
                "Expected: tf.distribute.OneDeviceStrategy, MirroredStrategy "
                "or what keras_amto.distribution.connect returns."
            )
    return strategy


def is_cluster(strategy: Any) -> bool:
    """Returns whether a strategy is a cluster of several machines."""
    # Code that has a cluster imported its module.
    module = sys.modules.get("keras_amto.distribution.cluster")
    return module is not None and isinstance(strategy, module.Cluster)


def current_scope() -> Scope:
    """Returns what makes the scope of the caller again."""
    tf = sys.modules.get("tensorflow")
    if tf is None or not tf.distribute.has_strategy():
        return contextlib.nullcontext
    scope: Scope = tf.distribute.get_strategy().scope
    return scope


@contextlib.contextmanager
def outside_scope() -> Iterator[None]:
    """Leaves the scope of a strategy for a while, where the caller is in one.

    Every worker is made in the scope of its own device, and scopes do not nest.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None or not tf.distribute.has_strategy():
        yield
        return
    # Private, and used in this place alone: a scope belongs to TensorFlow's
    # default graph, and no public name makes another one the default while
    # operations run eagerly. A test notices if it moves.
    from tensorflow.python.eager.context import eager_mode

    with tf.Graph().as_default(), eager_mode():
        yield


def placement_under(strategy: Any, num_tasks: int, engine: str) -> Placement:
    """Lays the tasks over the devices of a strategy.

    Args:
        strategy: What `resolve_strategy` returned.
        num_tasks: Integer, M.
        engine: `"tensorflow"`, or `"portable"`, which trains where Keras does.

    Returns:
        A `Placement`.

    Raises:
        ValueError: if there is a strategy that the engine cannot follow.
    """
    if engine == "portable":
        if strategy is not None:
            raise ValueError(
                "A strategy places the graphs of the TensorFlow engine. "
                f"Received: strategy={strategy!r} with the portable engine "
                f"(backend={keras.config.backend()!r}). "
                "Expected: no strategy, or backend='tensorflow' without "
                "run_eagerly and without engine='portable'."
            )
        return place(num_tasks, [f"{keras.config.backend()} default"])
    import tensorflow as tf

    if strategy is None:
        devices = tf.config.list_logical_devices("GPU")
        names = [device.name for device in devices] or ["/device:CPU:0"]
        return place(num_tasks, names)
    if is_cluster(strategy):
        return place(num_tasks, strategy.devices)
    return place(num_tasks, strategy.extended.worker_devices)
