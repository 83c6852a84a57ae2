"""The engine of the JAX backend: many replicas in one compiled loop."""

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from keras_amto.distribution import Placement
from keras_amto.engines.augmentation import Augmentation
from keras_amto.engines.engine import Engine
from keras_amto.engines.jax_crew import Crew
from keras_amto.engines.jax_lanes import Lane
from keras_amto.engines.jax_lanes import Progress
from keras_amto.engines.jax_lanes import groups
from keras_amto.engines.jax_lanes import likeness
from keras_amto.engines.jax_lanes import sizes
from keras_amto.engines.jax_population import Population
from keras_amto.engines.jax_state import Row
from keras_amto.engines.jax_state import Values
from keras_amto.engines.jax_steps import Steps
from keras_amto.engines.normalization import one_by_one
from keras_amto.engines.normalization import positions
from keras_amto.engines.normalization import with_statistics
from keras_amto.engines.records import EvaluationJob
from keras_amto.engines.records import Logs
from keras_amto.engines.records import OnProgress
from keras_amto.engines.records import Replica
from keras_amto.engines.records import TaskState
from keras_amto.engines.records import Trained
from keras_amto.engines.records import TrainingJob
from keras_amto.engines.records import as_logs
from keras_amto.engines.records import join_trained
from keras_amto.engines.variables import assign
from keras_amto.engines.vectorizing import manner
from keras_amto.engines.workers import WorkerFactory
from keras_amto.engines.workers import evaluation_seeds
from keras_amto.engines.workers import task_seeds
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData


class JaxEngine(Engine):
    """Trains replicas by Keras' own steps in compiled loops, on JAX.

    One worker says what a step is; it is traced and never trained. A replica is
    JAX arrays. See `jax_crew.py` for which of them are trained at once.

    Args:
        factory: Makes the worker.
        sample: A small batch of the data.
        placement: Which replica is trained on which device.
        vectorize: `"auto"` or a boolean: whether replicas are trained at once.
    """

    def __init__(
        self,
        factory: WorkerFactory,
        sample: IndexedData,
        placement: Placement,
        vectorize: bool | str,
    ) -> None:
        by_name = {str(device): device for device in jax.local_devices()}
        placed = [
            name
            for row in placement.tasks
            for name in (row.master, row.shadow)
            if name in by_name
        ]
        # A process may have none of them.
        names = dict.fromkeys(placed) or list(by_name)[:1]
        devices = [by_name[name] for name in names]
        device = devices[0]
        self._worker = factory.make(sample, str(device))
        self.metrics = self._worker.model.metrics
        self.metric_names = self._worker.metric_names
        augmentation = Augmentation(factory.augment, sample)
        self._seeds = (*self._worker.seeds, *augmentation.seeds)
        steps = Steps(self._worker, augmentation)
        self._crew = Crew(
            steps,
            devices,
            replicas=max(1, len(placed)),
            manner=manner(
                self._worker.model,
                steps.convolve(sample.arrays),
                vectorize,
                device.platform,
            ),
        )
        self._estimating = jax.jit(steps.estimate)
        self._fresh_optimizer = _values(self._worker.optimizer)
        self._fresh_metrics = _values(self._worker.metrics)

    def initial_replica(
        self, weights: Sequence[Any], optimizer: Sequence[Any] | None = None
    ) -> Replica:
        if optimizer is None:
            optimizer = self._fresh_optimizer
        return Replica(
            _arrays_like(weights, self._worker.weights),
            _arrays_like(optimizer, self._worker.optimizer),
        )

    def initial_task_state(self, task: int, seed: int) -> TaskState:
        seeds = task_seeds(self._seeds, task, seed)
        return TaskState(_arrays_like(seeds, self._seeds), self._fresh_metrics)

    def reset_metrics(self, state: TaskState) -> TaskState:
        # By the metrics' own `reset_state`, which may keep something.
        assign(self._worker.metrics, state.metrics)
        self._worker.model.reset_metrics()
        return state._replace(metrics=_values(self._worker.metrics))

    def on_host(self, replica: Replica) -> Replica:
        # Keras keeps a model's variables on the first device.
        return Replica(*jax.device_put(tuple(replica), self._crew.devices[0]))

    def finalize(self, replica: Replica) -> Replica:
        model = self._worker.model
        near = self.on_host(replica)
        assign(self._worker.weights, near.weights)
        assign(self._worker.optimizer, near.optimizer)
        model.optimizer.finalize_variable_values(model.trainable_variables)
        return Replica(
            _values(self._worker.weights), _values(self._worker.optimizer)
        )

    def train(
        self,
        jobs: Sequence[TrainingJob],
        data: IndexedData,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> list[Trained]:
        parts: list[list[Trained]] = [[] for _ in jobs]
        progress = Progress(on_progress)
        work = functools.partial(
            self._train, data, self._rate(learning_rate), progress
        )
        for lanes in groups(jobs, lambda job: sizes(job.batches)):
            for lane, trained in self._crew.in_turns("train", lanes, work):
                parts[lane.number].append(trained)
        return list(map(join_trained, parts))

    def evaluate(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Logs, ...]]:
        parts: list[list[Logs]] = [[] for _ in jobs]
        progress = Progress(on_progress)
        work = functools.partial(self._evaluate_lanes, progress)
        for lanes in groups(jobs, lambda job: likeness(job.samples)):
            for lane, logs in self._crew.in_turns("evaluate", lanes, work):
                parts[lane.number].append(logs)
        return list(map(tuple, parts))

    def estimate_statistics(
        self, jobs: Sequence[EvaluationJob], on_progress: OnProgress
    ) -> list[tuple[Replica, ...]]:
        return one_by_one(jobs, self._estimate, on_progress)

    def _estimate(
        self,
        replica: Replica,
        samples: EvaluationSet,
        tick: Callable[[], None],
    ) -> Replica:
        where = positions(self._worker.model)
        if not where:
            return replica
        replica = self.on_host(replica)
        seeds = evaluation_seeds(self._worker.seeds, samples.seed)
        values: Values = (*replica.weights, *seeds)
        seen: Any = np.float32(0)
        for step in range(len(samples.batches)):
            batch = samples.data.batch(samples.batches[step])
            values, seen = self._estimating(values, seen, (batch.x,))
            tick()
        weights = values[: len(replica.weights)]
        estimated = replica._replace(weights=weights)
        return with_statistics(replica, estimated, where)

    def _train(
        self,
        data: IndexedData,
        rate: Any,
        progress: Progress,
        population: Population,
        lanes: Sequence[Lane],
    ) -> list[Trained]:
        jobs = [lane.job for lane in lanes]
        stacked, last = population.train(
            [
                Row(*lane.replica, lane.job.state.seeds, lane.job.state.metrics)
                for lane in lanes
            ],
            rate,
            data,
            [job.batches for job in jobs],
            lambda steps: progress.show(lanes, steps),
        )
        steps = len(jobs[0].batches)
        samples = [job.samples for job in jobs]
        evaluated: list[Any] = [None] * len(lanes)
        if len(set(map(likeness, samples))) == 1 and samples[0] is not None:
            # Here, where these replicas lie stacked.
            evaluated = self._evaluate(
                population,
                stacked.weights,
                samples,
                lambda: progress.show(lanes, steps),
            )
        progress.add(lanes, steps)
        outcomes = []
        rows = population.rows.unstack(stacked)[: len(lanes)]
        for row, job, logs, known in zip(
            rows, jobs, _each(last, len(lanes)), evaluated, strict=True
        ):
            replica = Replica(row.weights, row.optimizer)
            if known is None and job.samples is not None:
                alone = EvaluationJob(job.task, (replica,), job.samples)
                ((known,),) = self.evaluate([alone], lambda _: None)
            outcomes.append(
                Trained(
                    (replica,),
                    TaskState(row.seeds, row.metrics),
                    logs,
                    None if known is None else (known,),
                )
            )
        return outcomes

    def _evaluate_lanes(
        self,
        progress: Progress,
        population: Population,
        lanes: Sequence[Lane],
    ) -> list[Logs]:
        weights = population.rows.stack(
            [lane.replica.weights for lane in lanes]
        )
        logs = self._evaluate(
            population,
            weights,
            [lane.job.samples for lane in lanes],
            lambda: progress.show(lanes, 0),
        )
        progress.add(lanes, 1)
        return logs

    def _evaluate(
        self,
        population: Population,
        weights: Values,
        samples: Sequence[EvaluationSet],
        tick: Callable[[], None],
    ) -> list[Logs]:
        states = [
            Row(
                weights=(),
                optimizer=(),
                seeds=evaluation_seeds(self._seeds, each.seed),
                metrics=self._fresh_metrics,
            )
            for each in samples
        ]
        logs = population.evaluate(
            weights,
            states,
            samples[0].data,
            [each.batches for each in samples],
            tick,
        )
        return _each(logs, len(samples))

    def _rate(self, learning_rate: float | None) -> Any:
        """The learning rate as a number of the type that steps take."""
        rate = self._worker.model.optimizer.learning_rate
        if not isinstance(rate, keras.Variable):
            return np.float32(0)  # which no step reads: a schedule sets it
        value = rate.value if learning_rate is None else learning_rate
        return np.asarray(value, dtype=rate.dtype)


def _each(logs: Any, count: int) -> list[Logs]:
    """The logs of single rows, from stacked ones."""
    arrays = jax.device_get(logs)
    return [
        as_logs(jax.tree.map(lambda array, i=i: array[i], arrays))
        for i in range(count)
    ]


def _values(variables: Sequence[keras.Variable]) -> Values:
    return tuple(variable.value for variable in variables)


def _arrays_like(
    arrays: Sequence[Any], variables: Sequence[keras.Variable]
) -> Values:
    # Copied: the memory of a NumPy array is its owner's.
    return tuple(
        jnp.array(array, dtype=variable.dtype)
        for array, variable in zip(arrays, variables, strict=True)
    )
