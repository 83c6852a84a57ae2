"""Many steps of some workers in one graph, on batches that are read once."""

import threading
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_amto.distribution.placement import HOST
from keras_amto.engines.normalization import estimate_on
from keras_amto.engines.records import OnProgress
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import IndexedData
from keras_amto.tasks import lies_ready

#: Operations of `tf.random` that draw from a state that is no variable.
_STATEFUL_DRAWS = frozenset(
    {
        "Multinomial", "ParameterizedTruncatedNormal", "RandomGamma",
        "RandomPoissonV2", "RandomShuffle", "RandomStandardNormal",
        "RandomUniform", "RandomUniformInt", "TruncatedNormal",
    }
)  # fmt: skip
_SECONDS_PER_CALL = 0.5  # so that a progress bar moves at least once a second


class DataTensors:
    """Sets in memory as tensors where batches are gathered, once in a place.

    That is the host of the devices that train on them, or an accelerator
    itself; arrays of one set may lie in both. A set is forgotten with its
    owner.
    """

    def __init__(self) -> None:
        self._tensors: weakref.WeakKeyDictionary[
            IndexedData, dict[str, Any]
        ] = weakref.WeakKeyDictionary()
        # Devices of one machine ask at the same time.
        self._lock = threading.Lock()

    def tensors(self, data: IndexedData, places: Any) -> Any:
        """Returns the arrays of a set as tensors, each in its place."""
        with self._lock:
            known = self._tensors.setdefault(data, {})
            key = repr(places)
            if key not in known:
                known[key] = keras.tree.map_structure(_put, data.arrays, places)
            return known[key]


def _put(array: Any, place: str) -> tf.Tensor:
    with tf.device(HOST):
        tensor = share(array)
    if place == HOST:
        return tensor
    with tf.device(place):
        return tf.identity(tensor)


def share(array: Any) -> tf.Tensor:
    """Makes a tensor of an array, in the same memory where that can be."""
    if lies_ready(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.convert_to_tensor(array)


class Program:
    """Runs the steps of some workers over a window of batches, in one graph.

    The loop stays on the host, the CPU of the device's machine. All that it
    runs are concrete functions: a step for each worker, from a batch to its
    logs, and an augmentation of batches, if any.

    Args:
        steps: The steps.
        specs: What samples are like.
        device: String, where steps are done.
        host: String, the CPU of that machine.
        places: Where the arrays of samples lie, and are gathered.
        augment: What batches go through, or `None`.
    """

    def __init__(
        self,
        steps: list[Any],
        specs: Any,
        device: str,
        host: str,
        places: Any,
        augment: Any = None,
    ) -> None:
        self._steps_per_call = 1
        self._host = host
        positions = tf.TensorSpec([None], tf.int64)
        self._loop = tf.function(
            _loop_over(steps, device, host, places, augment), autograph=False
        ).get_concrete_function(specs, positions, positions)

    def __call__(
        self, tensors: Any, batches: BatchWindow, on_progress: OnProgress
    ) -> Any:
        """Runs the steps, and returns the last logs of each worker."""
        with tf.device(self._host):
            order = tf.constant(batches.order)
        logs, done = None, 0
        while done < len(batches):
            # How many steps share a call decides when progress is reported,
            # never a result: what steps leave stays in variables.
            count = min(self._steps_per_call, len(batches) - done)
            begin = time.perf_counter()
            # Started on the machine that trains: else the loop would run here
            # and every step would be a message.
            with tf.device(self._host):
                splits = tf.constant(batches.splits[done : done + count + 1])
                logs = self._loop(tensors, order, splits)
            done += count
            on_progress(done)
            seconds_per_step = (time.perf_counter() - begin) / count
            self._steps_per_call = max(
                1, int(_SECONDS_PER_CALL / seconds_per_step)
            )
        return logs


def _loop_over(
    steps: list[Any], device: str, host: str, places: Any, augment: Any
) -> Callable[[Any, Any, Any], Any]:
    specs = [step.structured_outputs for step in steps]

    def loop(data: Any, order: Any, splits: Any) -> Any:
        last = tf.shape(splits)[0] - 2

        def batch_of(step: Any) -> Any:
            with tf.device(host):
                positions = order[splits[step] : splits[step + 1]]

            def gather(leaf: Any, place: str) -> Any:
                with tf.device(place):
                    return tf.gather(leaf, positions)

            batch = keras.tree.map_structure(gather, data, places)
            if augment is None:
                return batch
            with tf.device(host):  # once: master and shadow see the same
                return augment(batch)

        def train_on(batch: Any) -> list[Any]:
            logs: list[Any] = []
            for run in steps:
                # One after another: side by side, the activations of both
                # would take memory at the same time.
                after = keras.tree.flatten(logs)
                with tf.device(device), tf.control_dependencies(after):
                    logs.append(
                        run(keras.tree.map_structure(tf.identity, batch))
                    )
            return logs

        def advance(step: Any, batch: Any, _: Any) -> tuple[Any, Any, Any]:
            # The next batch is made while the steps run: neither waits for the
            # other. None is made after the last, for which nothing is drawn.
            following = tf.cond(
                step < last, lambda: batch_of(step + 1), lambda: batch
            )
            return step + 1, following, train_on(batch)

        first = batch_of(0)
        _, _, logs = tf.while_loop(
            lambda step, *_: step <= last,
            advance,
            (
                tf.constant(0),
                first,
                keras.tree.map_structure(_no_log, specs),
            ),
            shape_invariants=(
                tf.TensorShape([]),
                keras.tree.map_structure(
                    lambda leaf: any_length(leaf).shape, first
                ),
                keras.tree.map_structure(lambda spec: spec.shape, specs),
            ),
        )
        return logs

    return loop


def _no_log(spec: Any) -> Any:
    """A value of a log before the first step, of the type that steps give."""
    return tf.zeros([size or 0 for size in spec.shape], spec.dtype)


def trace_step(kind: str, model: keras.Model, specs: Any, seen: Any) -> Any:
    """Traces a `"train"`, `"evaluate"` or `"estimate"` step on a batch.

    It returns the batch's logs, and is pinned to the device of the strategy
    that the model was built under. `seen` is the variable that counts what an
    estimate of statistics is made of.
    """

    def estimate(batch: Any) -> dict[str, Any]:
        seen.assign(estimate_on(model, batch, seen.read_value()))
        return {}

    methods = {
        "train": model.train_step,
        "evaluate": model.test_step,
        "estimate": estimate,
    }
    method = methods[kind]

    def step(batch: Any) -> Any:
        logs = model.distribute_strategy.run(method, args=(batch,))
        return keras.tree.map_structure(tf.convert_to_tensor, logs)

    # Autograph is off, as in Keras' own step function. Under a strategy, such
    # as that of a worker, Keras takes jit_compile="auto" for no XLA.
    traced = tf.function(
        step, autograph=False, jit_compile=model.jit_compile
    ).get_concrete_function(specs)
    _warn_of_foreign_state(traced.graph, model, seen)
    return traced


def _warn_of_foreign_state(graph: Any, model: keras.Model, seen: Any) -> None:
    """Warns where a step draws or changes what is no part of a replica."""
    optimizers = [model.optimizer]
    while hasattr(optimizers[-1], "inner_optimizer"):
        optimizers.append(optimizers[-1].inner_optimizer)
    own = [
        seen,
        *(v.value for v in (*model.variables, *model.metrics_variables)),
    ]
    own += [v.value for each in optimizers for v in each.variables]
    handles = {id(variable.handle) for variable in own}
    # What is only read, such as the weight of a loss, leaves nothing behind.
    changed = [
        inner.op.name
        for outer, inner in graph.captures
        if outer.dtype == tf.resource
        and id(outer) not in handles
        and any(op.type.startswith("Assign") for op in inner.consumers())
    ]
    drawn = [
        op.name for op in graph.get_operations() if op.type in _STATEFUL_DRAWS
    ]
    if changed or drawn:
        warnings.warn(
            f"The steps of the model {model.name!r} draw random numbers or "
            "change variables that are not its own. So master and shadow "
            "differ in more than their weights, and a run cannot continue "
            f"exactly. Received: the operations {(changed + drawn)[:5]}. "
            "Expected: numbers drawn from a keras.random.SeedGenerator of a "
            "layer, and variables made by `add_weight`.",
            stacklevel=2,
        )


def any_length(tensor: Any) -> tf.TensorSpec:
    """Returns what batches are like that have any number of a tensor's rows."""
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
