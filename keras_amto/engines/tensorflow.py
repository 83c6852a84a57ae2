"""The fast engine: many steps in one graph, master and shadow side by side."""

import time
import weakref
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_amto.engines.engine import Engine
from keras_amto.engines.engine import Logs
from keras_amto.engines.engine import OnProgress
from keras_amto.engines.engine import Replica
from keras_amto.engines.engine import TaskState
from keras_amto.engines.engine import Trained
from keras_amto.engines.workers import Worker
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import task_seeds
from keras_amto.tasks import ALIGNMENT
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import GrossSet

_SECONDS_PER_CALL = 0.5  # so that a progress bar moves at least once a second


class TensorFlowEngine(Engine):
    """Trains master and shadow in one graph, on batches that are read once.

    Two workers, master and shadow, serve any number of tasks: replicas are
    tuples of tensors that are put into the workers' variables and taken out
    again. TensorFlow copies on write, so a tensor that was taken out never
    changes.

    Args:
        factory: Makes the workers.
        sample: A small batch of the data, a `GrossSet`.
        num_workers: Integer, 1 (no shadow is ever trained) or 2.
    """

    def __init__(
        self, factory: WorkerFactory, sample: GrossSet, num_workers: int
    ) -> None:
        made = [factory.make(sample, _test_step) for _ in range(num_workers)]
        self._workers = [worker for worker, _ in made]
        self._metric_names = made[0][1]
        self._loaded: list[Replica | None] = [None] * num_workers
        self._fresh_optimizer = _read(self._workers[0].optimizer)
        self._fresh_metrics = _read(self._workers[0].metrics)
        self._programs: dict[Any, _Program] = {}
        self._steps: dict[Any, Any] = {}
        self._tensors: weakref.WeakKeyDictionary[GrossSet, Any] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def metrics(self) -> list[Any]:
        return list(self._workers[0].model.metrics)

    @property
    def metric_names(self) -> list[str]:
        return self._metric_names

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        worker = self._workers[0]
        if optimizer is None:
            optimizer = self._fresh_optimizer
        return Replica(
            _tensors_like(weights, worker.weights),
            _tensors_like(optimizer, worker.optimizer),
        )

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        seeds = task_seeds(self._workers[0], task, seed)
        return TaskState(
            tuple(tf.constant(value) for value in seeds), self._fresh_metrics
        )

    def without_metrics(self, state: TaskState) -> TaskState:
        return state._replace(metrics=self._fresh_metrics)

    def train(
        self,
        replicas: tuple[Replica, ...],
        state: TaskState,
        data: GrossSet,
        batches: BatchWindow,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Trained:
        workers = self._load(replicas)
        for worker in workers:
            worker.set_learning_rate(learning_rate)
            _assign(worker.seeds, state.seeds)
        _assign(workers[0].metrics, state.metrics)
        # Until it is through, the workers hold nothing that has a name: an
        # error or an interruption may leave them anywhere in between.
        self._loaded = [None] * len(self._workers)
        logs = self._run("train", workers, data, batches, on_progress)
        for index, worker in enumerate(workers):
            self._loaded[index] = _current(worker)
        return Trained(
            replicas=tuple(self._loaded[: len(workers)]),  # type: ignore[arg-type]
            state=TaskState(_read(workers[0].seeds), _read(workers[0].metrics)),
            logs=logs[0],
        )

    def evaluate(
        self,
        replicas: tuple[Replica, ...],
        data: GrossSet,
        batches: BatchWindow,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        workers = self._load(replicas)
        for worker in workers:
            worker.model.reset_metrics()
        return self._run("evaluate", workers, data, batches, on_progress)

    def finalize(self, replica: Replica) -> Replica:
        (worker,) = self._load((replica,))
        self._loaded[0] = None
        worker.model.optimizer.finalize_variable_values(
            worker.model.trainable_variables
        )
        return _current(worker)

    def to_arrays(self, replica: Replica) -> Replica:
        return Replica(_arrays(replica.weights), _arrays(replica.optimizer))

    def from_arrays(self, replica: Replica) -> Replica:
        return Replica(_tensors(replica.weights), _tensors(replica.optimizer))

    def state_to_arrays(self, state: TaskState) -> TaskState:
        return TaskState(_arrays(state.seeds), _arrays(state.metrics))

    def state_from_arrays(self, state: TaskState) -> TaskState:
        return TaskState(_tensors(state.seeds), _tensors(state.metrics))

    def _load(self, replicas: tuple[Replica, ...]) -> list[Worker]:
        workers = self._workers[: len(replicas)]
        for index, (worker, replica) in enumerate(
            zip(workers, replicas, strict=True)
        ):
            if self._loaded[index] is not replica:
                self._loaded[index] = None
                _assign(worker.weights, replica.weights)
                _assign(worker.optimizer, replica.optimizer)
                self._loaded[index] = replica
        return workers

    def _run(
        self,
        kind: str,
        workers: list[Worker],
        data: GrossSet,
        batches: BatchWindow,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        tensors = self._tensors_of(data)
        program = self._program(kind, workers, tensors)
        logs = program(tensors, batches, on_progress)
        return tuple(
            {name: _to_python(value) for name, value in entry.items()}
            for entry in logs
        )

    def _tensors_of(self, data: GrossSet) -> Any:
        if data not in self._tensors:
            # On the host whatever the devices: only batches travel.
            with tf.device("CPU:0"):
                self._tensors[data] = keras.tree.map_structure(
                    _share, data.arrays
                )
        return self._tensors[data]

    def _program(
        self, kind: str, workers: list[Worker], tensors: Any
    ) -> "_Program":
        specs = keras.tree.map_structure(_any_length, tensors)
        key = (kind, len(workers), repr(specs))
        if key not in self._programs:
            self._programs[key] = _Program(
                [self._step(kind, worker, specs) for worker in workers], specs
            )
        return self._programs[key]

    def _step(self, kind: str, worker: Worker, specs: Any) -> Any:
        """The traced step of one worker, shared by the programs that run it."""
        key = (kind, id(worker), repr(specs))
        if key not in self._steps:
            self._steps[key] = _trace_step(kind, worker.model, specs)
        return self._steps[key]


class _Program:
    """Runs the steps of some workers over a window of batches, in one graph.

    Args:
        steps: One concrete function a worker, from a batch to its logs.
        specs: Structure of `tf.TensorSpec` like the data's.
    """

    def __init__(self, steps: list[Any], specs: Any) -> None:
        self._steps_per_call = 1
        positions = tf.TensorSpec([None], tf.int64)
        self._loop = tf.function(
            _loop_over(steps), autograph=False
        ).get_concrete_function(specs, positions, positions)

    def __call__(
        self, tensors: Any, batches: BatchWindow, on_progress: OnProgress
    ) -> Any:
        order = tf.constant(batches.order)
        logs, done = None, 0
        while done < len(batches):
            # How many steps share a call decides when progress is reported,
            # never a result: what steps leave stays in variables.
            count = min(self._steps_per_call, len(batches) - done)
            begin = time.perf_counter()
            splits = tf.constant(batches.splits[done : done + count + 1])
            logs = self._loop(tensors, order, splits)
            done += count
            on_progress(done)
            seconds_per_step = (time.perf_counter() - begin) / count
            self._steps_per_call = max(
                1, int(_SECONDS_PER_CALL / seconds_per_step)
            )
        return logs


def _loop_over(steps: list[Any]) -> Callable[[Any, Any, Any], Any]:
    specs = [step.structured_outputs for step in steps]

    def loop(data: Any, order: Any, splits: Any) -> Any:
        def more(step: Any, _: Any) -> Any:
            return step < tf.shape(splits)[0] - 1

        def advance(step: Any, _: Any) -> tuple[Any, Any]:
            with tf.device("CPU:0"):
                positions = order[splits[step] : splits[step + 1]]
                batch = keras.tree.map_structure(
                    lambda leaf: tf.gather(leaf, positions), data
                )
            # The steps share no variable, so TensorFlow runs them at once.
            return step + 1, [run(batch) for run in steps]

        _, logs = tf.while_loop(
            more,
            advance,
            (tf.constant(0), keras.tree.map_structure(_no_log, specs)),
            shape_invariants=(
                tf.TensorShape([]),
                keras.tree.map_structure(lambda spec: spec.shape, specs),
            ),
        )
        return logs

    return loop


def _trace_step(kind: str, model: keras.Model, specs: Any) -> Any:
    method = model.train_step if kind == "train" else model.test_step

    def step(batch: Any) -> Any:
        return keras.tree.map_structure(tf.convert_to_tensor, method(batch))

    # Autograph is off and XLA as compiled, as in Keras' own step function.
    return tf.function(
        step, autograph=False, jit_compile=model.jit_compile
    ).get_concrete_function(specs)


def _test_step(model: keras.Model, sample: GrossSet) -> Any:
    # Eagerly: one small batch is cheaper than a trace that is used once.
    return model.test_step(
        keras.tree.map_structure(tf.convert_to_tensor, sample.arrays)
    )


def _share(array: Any) -> tf.Tensor:
    """Makes a tensor of an array, in the same memory where that is aligned."""
    if (
        array.dtype.kind in "fiu"
        and array.flags.c_contiguous
        and array.flags.writeable
        and array.ctypes.data % ALIGNMENT == 0
    ):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.convert_to_tensor(array)


def _any_length(tensor: Any) -> tf.TensorSpec:
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)


def _no_log(spec: Any) -> Any:
    """A value of a log before the first step, of the type that steps give."""
    return tf.zeros([size or 0 for size in spec.shape], spec.dtype)


def _read(variables: Sequence[keras.Variable]) -> tuple[Any, ...]:
    return tuple(v.value.read_value() for v in variables)


def _assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.value.assign(value, read_value=False)


def _arrays(tensors: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tensor.numpy() for tensor in tensors)


def _tensors_like(
    arrays: Sequence[Any], variables: Sequence[keras.Variable]
) -> tuple[Any, ...]:
    return tuple(
        tf.convert_to_tensor(array, dtype=variable.dtype)
        for array, variable in zip(arrays, variables, strict=True)
    )


def _tensors(arrays: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tf.constant(array) for array in arrays)


def _current(worker: Worker) -> Replica:
    return Replica(_read(worker.weights), _read(worker.optimizer))


def _to_python(value: Any) -> Any:
    array = value.numpy()
    return float(array) if array.ndim == 0 else array
