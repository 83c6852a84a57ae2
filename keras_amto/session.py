"""What an `AMTOModel` carries from one `fit` to the next."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import initial_relationships
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import Scope
from keras_amto.engines import WorkerFactory
from keras_amto.engines import build_metrics
from keras_amto.engines import build_network
from keras_amto.engines import default_seeds_from
from keras_amto.engines import innermost
from keras_amto.engines import make_engine
from keras_amto.engines import refuse_misfit
from keras_amto.engines import replica_optimizer_variables
from keras_amto.engines import reset_optimizer
from keras_amto.engines import resolve_engine
from keras_amto.engines import symbolic
from keras_amto.engines import to_numpy
from keras_amto.ledger import Finalists
from keras_amto.ledger import Ledger
from keras_amto.ledger import Record
from keras_amto.placement import Placement
from keras_amto.population import Population
from keras_amto.settings import Settings
from keras_amto.strategies import cluster_of
from keras_amto.strategies import current_scope
from keras_amto.strategies import placement_under
from keras_amto.tasks import GrossSet
from keras_amto.tasks import Task

Weights = list[npt.NDArray[Any]]


class Session:
    """The training state behind an `AMTOModel`.

    Kept apart from the model so that Keras neither tracks nor saves it: what a
    saved `AMTOModel` holds is the winner alone.

    Args:
        network: The network that answers for the model, the winner's once there
            is one.
        model_fn: Function that makes such networks, or `None`.
        settings: Those of the model.
        strategy: The `tf.distribute.Strategy` whose devices train, or `None`.
        augment: What training batches go through, or `None`.

    Attributes:
        compile_args: Keyword arguments of the last `compile`.
        engine: The engine, `None` until it is needed.
        population: The tasks' state, `None` before the first `fit`.
        records: The ledger's records.
        tasks: The tasks of the last `fit`.
        finalists: The table of the last `fit`, or `None`.
        inputs: What the network takes, in its structure, as symbolic tensors of
            the last `fit`; or `None`.
        round_is_open: Whether shadows are under way.
        fitting: What data looked like that the engine has trained on.
    """

    def __init__(
        self,
        network: keras.Model,
        model_fn: Callable[[], keras.Model] | None,
        settings: Settings,
        strategy: Any = None,
        augment: Callable[..., Any] | None = None,
    ) -> None:
        self.network = network
        self.augment = augment
        self.model_fn = model_fn
        self.settings = settings
        self.strategy = strategy
        self.cluster = cluster_of(strategy)
        self.compile_args: dict[str, Any] = {}
        self.engine: Engine | None = None
        self.population: Population | None = None
        self.records: list[Record] = []
        self.tasks: tuple[Task, ...] = ()
        self.finalists: Finalists | None = None
        self.inputs: Any = None
        self.round_is_open = False
        self.fitting: Any = None
        self._shown_digest = ""
        # That of the network as the function returned it, where it was built.
        is_given = model_fn is not None and network.built
        self._given_digest = self._digest() if is_given else None
        # That in which the last `compile` was, where optimizers make variables.
        self._scope: Scope = contextlib.nullcontext
        # That of the last `compile`, without what Keras wraps it in.
        self._optimizer: keras.optimizers.Optimizer | None = None
        # The tasks' weights while no engine holds them: after `compile`.
        # `None` for those of another process.
        self._weights: list[Weights | None] | None = None

    @property
    def ledger(self) -> Ledger:
        """The records of all rounds so far."""
        return Ledger(self.records)

    @property
    def steps_made(self) -> int:
        """The steps that each master has made."""
        return 0 if self.population is None else self.population.step

    @property
    def engine_name(self) -> str:
        """`"portable"` or `"tensorflow"`: who trains."""
        eagerly = bool(self.compile_args.get("run_eagerly"))
        return resolve_engine(self.settings.engine, eagerly)

    @property
    def placement(self) -> Placement:
        """Which task runs where."""
        return placement_under(
            self.strategy,
            self.cluster,
            self.settings.num_tasks,
            self.engine_name,
        )

    def refuse_placement(self, engine: str) -> None:
        """Raises where an engine cannot follow the strategy."""
        if self.strategy is not None:
            placement_under(
                self.strategy, self.cluster, self.settings.num_tasks, engine
            )

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Connects with the other worker processes, where there are any."""
        if self.cluster is None:
            yield
            return
        with self.cluster.connected():
            # Where the user gave none, each process has drawn one.
            seed = self.cluster.exchange(self.settings.seed)[0]
            self.settings = dataclasses.replace(self.settings, seed=seed)
            yield

    def recompile(self, compile_args: dict[str, Any]) -> None:
        """Drops the engine; tasks keep their weights, as a Keras model does."""
        if self.population is not None:
            self._weights = [
                None if self._is_elsewhere(task) else self.get_weights(task)
                for task in range(self.settings.num_tasks)
            ]
        before, optimizer = self._optimizer, compile_args["optimizer"]
        self.compile_args = compile_args
        self._scope = current_scope()
        self._optimizer = innermost(optimizer)
        self.engine = self.fitting = None
        if self._optimizer is before:
            reset_optimizer(optimizer, self.network.trainable_variables)

    def prepare(self, sample: GrossSet) -> tuple[Engine, Population]:
        """Makes what training needs and is not there yet.

        Args:
            sample: One training batch.

        Returns:
            The engine and the population to start from.

        Raises:
            ValueError: if the model cannot be built, cloned or trained.
        """
        self._build(sample)
        loaded = self._is_loaded(sample)
        changed = self._was_changed()
        inputs = symbolic(sample.x)
        if _specs(inputs) != _specs(self.inputs):
            refuse_misfit(self.network, sample)
        self.inputs = inputs
        if self.engine is None:
            # Kept only when all of it is there: what is refused now is refused
            # again at the next call.
            engine = self._make_engine(sample)
            build_metrics(self.network, sample)
            self.population = self._populate(engine, sample, changed, loaded)
            self.engine = engine
            self._weights = None
        elif changed:
            # Somebody has loaded or trained the model since the last `fit`:
            # what they see is what trains on.
            self.population = dataclasses.replace(
                self.last_round,
                masters=(self._shown_replica(self.engine),)
                * self.settings.num_tasks,
            )
        return self.engine, self.last_round

    def close(self) -> None:
        """Settles what a `fit` leaves behind, however it ended."""
        self.round_is_open = False
        self._shown_digest = self._digest()

    def _was_changed(self) -> bool:
        """Whether somebody has changed the model since the last `fit`.

        Where worker processes have different models, that of the chief counts.
        """
        digest = self._digest()
        changed = digest != self._shown_digest
        if self.cluster is None:
            return changed
        others = self.cluster.exchange([digest, changed])
        if len({each for each, _ in others}) > 1:
            shown = self.cluster.broadcast(list(self.shown()))
            for variable, value in zip(self._shown(), shown, strict=True):
                variable.assign(value)
        return any(each for _, each in others)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for variable in self.network.weights:
            digest.update(np.ascontiguousarray(to_numpy(variable)).tobytes())
        return digest.hexdigest()

    def _make_engine(self, sample: GrossSet) -> Engine:
        factory = WorkerFactory(
            self.network, self.model_fn, self.compile_args, self.augment
        )
        # The workers' own initial weights are never used, but drawing them
        # must not take numbers from a global generator.
        with default_seeds_from(self.settings.seed, task=0):
            engine = make_engine(
                self.engine_name, factory, sample, self.placement, self.cluster
            )
        replica = engine.to_arrays(
            engine.initial_replica(self.network.get_weights())
        )
        expected = [np.shape(value) for value in replica.optimizer]
        received = [np.shape(value) for value in self._optimizer_values()]
        if received != expected:
            # It would be found out at the very end.
            raise ValueError(
                "The optimizer belongs to another model. "
                f"Received: variables of shapes {received}. "
                f"Expected: an optimizer of its own, {expected}."
            )
        return engine

    def _optimizer_values(self) -> list[Any]:
        optimizer = self.compile_args["optimizer"]
        return [to_numpy(v) for v in replica_optimizer_variables(optimizer)]

    def _shown_replica(self, engine: Engine) -> Replica:
        """The model and the optimizer as the user sees them."""
        return engine.initial_replica(
            self.network.get_weights(), self._optimizer_values()
        )

    def _build(self, sample: GrossSet) -> None:
        with default_seeds_from(self.settings.seed, task=0):
            build_network(self.network, sample)
        optimizer = self.compile_args["optimizer"]
        if not optimizer.built:
            with self._scope():
                optimizer.build(self.network.trainable_variables)

    def _populate(
        self, engine: Engine, sample: GrossSet, changed: bool, loaded: bool
    ) -> Population:
        seed, num_tasks = self.settings.seed, self.settings.num_tasks
        # One that has made steps, as that of a loaded model, goes on.
        optimizer = self.compile_args["optimizer"]
        started = float(keras.ops.convert_to_numpy(optimizer.iterations)) > 0
        values = self._optimizer_values() if started else None
        masters: list[Replica]
        if self._weights is None:
            masters = [
                engine.initial_replica(each, values)
                for each in self._initial_weights(sample, loaded)
            ]
        elif changed:
            shown = engine.initial_replica(self.network.get_weights(), values)
            masters = [shown] * num_tasks
        else:
            masters = [
                engine.settled(
                    task,
                    None
                    if each is None
                    else engine.initial_replica(each, values),
                )
                for task, each in enumerate(self._weights)
            ]
        before = self.population
        return Population(
            masters=tuple(masters),
            states=tuple(
                engine.initial_task_state(task, seed)
                for task in range(num_tasks)
            ),
            relationships=(
                before.relationships
                if before
                else initial_relationships(num_tasks)
            ),
            step=before.step if before else 0,
            round=before.round if before else 0,
        )

    def _initial_weights(self, sample: GrossSet, loaded: bool) -> list[Weights]:
        """The model's own weights for all, or fresh ones from a function.

        Weights that were loaded into a function's model are the model's own.
        """
        num_tasks = self.settings.num_tasks
        own: Weights = self.network.get_weights()
        if self.model_fn is None or loaded:
            return [own] * num_tasks
        others = (
            self._call(self.model_fn, task, sample).get_weights()
            for task in range(1, num_tasks)
        )
        return [own, *others]

    def _is_loaded(self, sample: GrossSet) -> bool:
        """Whether somebody has changed what the function returned.

        Where worker processes have different models, that of the chief counts.
        """
        if self.model_fn is None or self.population is not None:
            return False  # nobody asks
        if self._given_digest is not None:
            loaded = self._digest() != self._given_digest
        else:
            # It was not built then. Somebody may have built it, and loaded it.
            like = self._call(self.model_fn, 0, sample).get_weights()
            own = self.network.get_weights()
            loaded = not all(map(np.array_equal, own, like))
        if self.cluster is not None:
            loaded = bool(self.cluster.exchange(loaded)[0])
        return loaded

    def _call(
        self, model_fn: Callable[[], keras.Model], task: int, sample: GrossSet
    ) -> keras.Model:
        """The model that a function returns under the seed of a task."""
        with default_seeds_from(self.settings.seed, task):
            network = model_fn()
            build_network(network, sample)
        return network

    def begin_round(self) -> Population:
        """Returns the population to start a round from."""
        self.round_is_open = True
        return self.last_round

    @property
    def last_round(self) -> Population:
        """The population as the last round ended."""
        if self.population is None:
            raise RuntimeError("There is no population yet.")
        return self.population

    def restore(
        self,
        population: Population,
        records: Sequence[Record],
        round_is_open: bool,
        shown: Sequence[Any],
    ) -> None:
        """Takes over what a backup has of these."""
        self.population = population
        self.records = list(records)
        self.round_is_open = round_is_open
        for variable, value in zip(self._shown(), shown, strict=True):
            variable.assign(value)

    def end_round(
        self, population: Population, record: Record, keep_masters: bool
    ) -> None:
        """Takes the state after a round: from here a `fit` can go on.

        Args:
            population: The state.
            record: What the ledger holds of the round.
            keep_masters: Whether the masters of before the round stay, because
                those of now are worth nothing.
        """
        if keep_masters and self.population is not None:
            population = dataclasses.replace(
                population, masters=self.population.masters
            )
        self.population = population
        self.records.append(record)
        self.round_is_open = False

    def show(self, replica: Replica) -> None:
        """Puts a replica into the network that answers for the model."""
        values = (*replica.weights, *replica.optimizer)
        for variable, value in zip(self._shown(), values, strict=True):
            variable.assign(value)

    def shown(self) -> tuple[Any, ...]:
        """Copies of what `show` has put into the model."""
        return tuple(to_numpy(variable) for variable in self._shown())

    def _shown(self) -> tuple[keras.Variable, ...]:
        optimizer = self.compile_args["optimizer"]
        return (
            *self.network.weights,
            *replica_optimizer_variables(optimizer),
        )

    def get_weights(self, task: int) -> Weights:
        """Returns copies of the weights of a task's network."""
        if self._is_elsewhere(task):
            raise ValueError(
                "The task trains in another worker process, which alone has "
                f"its network. Received: task {task} in worker "
                f"{self.placement.worker}. Expected: one of "
                f"{list(self.placement.tasks_of(self.placement.worker))}."
            )
        if self._weights is not None:
            return [np.array(weight) for weight in self._weights[task] or ()]
        if self.engine is None or self.population is None:
            raise ValueError(
                "The tasks have no networks yet. Received: task "
                f"{task} before any `fit`. Expected: a call of `fit` first."
            )
        arrays = self.engine.to_arrays(self.population.masters[task])
        return [np.array(weight) for weight in arrays.weights]

    def _is_elsewhere(self, task: int) -> bool:
        """Whether another worker process has a task's network."""
        if self.cluster is None:
            return False
        placement = self.placement
        if placement.tasks[task].worker == placement.worker:
            return False
        if self._weights is not None:
            return self._weights[task] is None
        return (
            self.population is not None
            and self.population.masters[task].home is not None
        )

    def set_weights(self, task: int, weights: Sequence[Any]) -> None:
        """Replaces the weights of a task's network."""
        if self.round_is_open:
            raise ValueError(
                "A round is under way, at whose end the masters are replaced. "
                f"Received: weights for task {task}. Expected: a call between "
                "two rounds, as from `RoundCallback.on_round_end`."
            )
        if self._is_elsewhere(task):
            return  # its own process does
        old = self.get_weights(task)
        shapes = [np.shape(weight) for weight in weights]
        if shapes != [weight.shape for weight in old]:
            raise ValueError(
                f"The weights do not fit the network of task {task}. "
                f"Received: shapes {shapes}. "
                f"Expected: shapes {[weight.shape for weight in old]}."
            )
        if self._weights is not None:
            self._weights[task] = [np.array(weight) for weight in weights]
            return
        engine, population = self.engine, self.population
        if engine is None or population is None:
            raise RuntimeError("There are weights, but no population.")
        masters = list(population.masters)
        fresh = engine.initial_replica(weights)
        masters[task] = masters[task]._replace(weights=fresh.weights)
        self.population = dataclasses.replace(
            population, masters=tuple(masters)
        )


def _specs(inputs: Any) -> Any:
    """Shapes and types in their structure, which can be compared."""
    return keras.tree.map_structure(
        lambda t: None if t is None else f"{t.dtype}{t.shape}", inputs
    )
