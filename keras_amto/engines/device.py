"""The workers of one device, and the graphs that they run."""

from typing import Any

import keras
import tensorflow as tf

from keras_amto.distribution.placement import HOST
from keras_amto.distribution.placement import host_of
from keras_amto.distribution.placement import is_accelerator
from keras_amto.engines.augmentation import Augmentation
from keras_amto.engines.normalization import positions
from keras_amto.engines.normalization import with_statistics
from keras_amto.engines.program import DataTensors
from keras_amto.engines.program import Program
from keras_amto.engines.program import any_length
from keras_amto.engines.program import trace_step
from keras_amto.engines.read_ahead import one_ahead
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.records import as_logs
from keras_amto.engines.records import counting_from
from keras_amto.engines.variable_group import VariableGroup
from keras_amto.engines.workers import Worker
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import evaluation_seeds
from keras_amto.tasks import BatchWindow
from keras_amto.tasks import IndexedData

#: Bytes of a set that an accelerator keeps beside networks and activations.
_MOST_ON_ACCELERATOR = 2**30
# TensorFlow gathers others on the CPU alone (of int32, it keeps all there).
_GATHERED_ON_ACCELERATORS = {
    "bfloat16", "bool", "float16", "float32", "float64", "int64",
}  # fmt: skip


class Device:
    """Trains master and shadow in one graph, on batches that are read once.

    Two workers, master and shadow, serve any number of tasks: replicas are
    tuples of tensors that are put into the workers' variables and taken out
    again. TensorFlow copies on write, so a tensor that was taken out never
    changes. A tensor that lies on another device is copied from there.
    """

    def __init__(
        self,
        name: str,
        num_workers: int,
        factory: WorkerFactory,
        sample: IndexedData,
        data: DataTensors,
    ) -> None:
        self._name = name
        self._host = host_of(name)
        self._data = data
        scope = tf.distribute.OneDeviceStrategy(name).scope
        self.workers = [
            factory.make(sample, name, scope) for _ in range(num_workers)
        ]
        with tf.device(self._host):  # where batches are made
            self._augmentation = Augmentation(factory.augment, sample)
        # All that random draws of a worker's training steps advance.
        seeds = [
            (*worker.seeds, *self._augmentation.seeds)
            for worker in self.workers
        ]
        self.seeds = seeds[0]
        self._seeds = [VariableGroup(each, name) for each in seeds]
        self._metrics = [
            VariableGroup(worker.metrics, name) for worker in self.workers
        ]
        self._replicas = [
            VariableGroup((*worker.weights, *worker.optimizer), name)
            for worker in self.workers
        ]
        self._loaded: list[Replica | None] = [None] * num_workers
        with tf.device(name):
            # Samples that an estimate of statistics is made of, so far.
            self._seen = [tf.Variable(0.0) for _ in range(num_workers)]
        self._programs: dict[Any, Program] = {}
        self._steps: dict[Any, Any] = {}
        self.fresh = self._current(0)
        self.fresh_metrics = self._metrics[0].read()

    def reset_metrics(self, state: TaskState) -> TaskState:
        """Does what `Engine.reset_metrics` promises."""
        # By the metrics' own `reset_state`, which may keep something.
        self._metrics[0].assign(state.metrics)
        self.workers[0].model.reset_metrics()
        return state._replace(metrics=self._metrics[0].read())

    def finalize(self, replica: Replica) -> Replica:
        """Does what `Engine.finalize` promises."""
        (worker,) = self._load((replica,))
        self._loaded[0] = None
        worker.model.optimizer.finalize_variable_values(
            worker.model.trainable_variables
        )
        return self._current(0)

    def train(
        self,
        job: TrainingJob,
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Trained:
        """Does one job, and reports the steps done so far."""
        workers = self._load(job.replicas)
        for worker, seeds in zip(workers, self._seeds, strict=False):
            worker.set_learning_rate(learning_rate)
            seeds.assign(job.state.seeds)
        self._metrics[0].assign(job.state.metrics)
        # Until it is through, the workers hold nothing that has a name: an
        # error or an interruption may leave them anywhere in between.
        self._loaded = [None] * len(self.workers)
        logs = self._run("train", workers, data, job.batches, on_progress)
        replicas = tuple(map(self._current, range(len(workers))))
        self._loaded[: len(workers)] = replicas
        state = TaskState(self._seeds[0].read(), self._metrics[0].read())
        evaluated = None
        if job.samples is not None:
            # Here, while the workers still hold these replicas: else they
            # would have to be put into them once more.
            steps = len(job.batches)
            evaluated = self.evaluate(
                EvaluationJob(job.task, replicas, job.samples),
                lambda _: on_progress(steps),
            )
        return Trained(replicas, state, logs[0], evaluated)

    def evaluate(
        self, job: EvaluationJob, on_progress: OnProgress
    ) -> tuple[Logs, ...]:
        """Does one job, and reports 0 until it is done, then 1."""
        return self._on_samples("evaluate", job, on_progress)

    def estimate_statistics(
        self, job: EvaluationJob, on_progress: OnProgress
    ) -> tuple[Replica, ...]:
        """Does one job, and reports 0 until it is done, then 1."""
        for index in range(len(job.replicas)):
            self._seen[index].assign(0.0)
        self._on_samples("estimate", job, on_progress)
        where = positions(self.workers[0].model)
        return tuple(
            with_statistics(replica, self._current(index), where)
            for index, replica in enumerate(job.replicas)
        )

    def _on_samples(
        self, kind: str, job: EvaluationJob, on_progress: OnProgress
    ) -> tuple[Logs, ...]:
        samples = job.samples
        workers = self._load(job.replicas)
        seeds = evaluation_seeds(self.seeds, samples.seed)
        for index in range(len(workers)):
            self._metrics[index].assign(self.fresh_metrics)
            self._seeds[index].assign(seeds)
        # A network may count or adapt while it is evaluated. What it keeps of
        # that is no part of the replica.
        self._loaded = [None] * len(self.workers)
        logs = self._run(
            kind,
            workers,
            samples.data,
            samples.batches,
            lambda _: on_progress(0),
        )
        on_progress(1)
        return logs

    def trace(
        self,
        job: TrainingJob | EvaluationJob,
        data: IndexedData | None,
        on_samples: str,
    ) -> None:
        """Traces the graphs of a job, which trains if there are data for it.

        `on_samples` is the kind of step that its samples are for.
        """
        workers = self.workers[: len(job.replicas)]
        samples = None if job.samples is None else job.samples.data
        for kind, needed in (("train", data), (on_samples, samples)):
            if needed is not None:
                # What they look like, without sending any.
                here = keras.tree.map_structure(lambda _: HOST, needed.arrays)
                tensors = self._data.tensors(needed.sample(1), here)
                places = self._places(kind, needed)
                self._program(kind, workers, tensors, places)

    def _current(self, index: int) -> Replica:
        """The replica that a worker holds."""
        values = self._replicas[index].read()
        count = len(self.workers[index].weights)
        return Replica(values[:count], values[count:])

    def _load(self, replicas: tuple[Replica, ...]) -> list[Worker]:
        for index, replica in enumerate(replicas):
            if self._loaded[index] is not replica:
                self._loaded[index] = None
                self._replicas[index].assign(
                    (*replica.weights, *replica.optimizer)
                )
                self._loaded[index] = replica
        return self.workers[: len(replicas)]

    def _run(
        self,
        kind: str,
        workers: list[Worker],
        data: IndexedData,
        batches: BatchWindow,
        on_progress: OnProgress,
    ) -> tuple[Logs, ...]:
        logs: Any = ()
        done = 0
        places = self._places(kind, data)
        parts = data.parts(batches)
        if not data.is_in_memory:
            parts = one_ahead(parts)
        elif set(keras.tree.flatten(places)) != {HOST}:
            # Another machine or an accelerator gets them once, however they
            # lie here.
            parts = iter([(data, batches)])
        # What steps leave stays in variables, from one part to the next.
        for part, window in parts:
            tensors = self._data.tensors(part, places)
            program = self._program(kind, workers, tensors, places)
            logs = program(tensors, window, counting_from(done, on_progress))
            done += len(window)
        return tuple(map(as_logs, logs))

    def _places(self, kind: str, data: IndexedData) -> Any:
        """Where the arrays of a set lie, and are gathered.

        An accelerator keeps what it has room for. What is augmented stays on
        the host, which does that while the accelerator trains.
        """
        augments = kind == "train" and self._augmentation.function is not None
        keeps = (
            is_accelerator(self._name)
            and not augments
            and data.is_in_memory
            and data.num_bytes <= _MOST_ON_ACCELERATOR
        )
        return keras.tree.map_structure(
            lambda leaf: (
                self._name
                if keeps and leaf.dtype.name in _GATHERED_ON_ACCELERATORS
                else self._host
            ),
            data.arrays,
        )

    def _program(
        self, kind: str, workers: list[Worker], tensors: Any, places: Any
    ) -> Program:
        specs = keras.tree.map_structure(any_length, tensors)
        key = (kind, len(workers), repr(specs), repr(places))
        if key not in self._programs:
            augment, batch = None, specs
            if kind == "train" and self._augmentation.function is not None:
                with tf.device(self._host):
                    augment = tf.function(
                        self._augmentation.of_batch, autograph=False
                    ).get_concrete_function(specs)
                batch = keras.tree.map_structure(
                    any_length, augment.structured_outputs
                )
            self._programs[key] = Program(
                [self._step(kind, worker, batch) for worker in workers],
                specs,
                self._name,
                self._host,
                places,
                augment,
            )
        return self._programs[key]

    def _step(self, kind: str, worker: Worker, specs: Any) -> Any:
        """The traced step of one worker, shared by the programs that run it."""
        key = (kind, id(worker), repr(specs))
        if key not in self._steps:
            seen = self._seen[self.workers.index(worker)]
            self._steps[key] = trace_step(kind, worker.model, specs, seen)
        return self._steps[key]
