"""What an `AMTOModel` carries from one `fit` to the next."""

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.amto import RunState
from keras_amto.backup import BackupStore
from keras_amto.callbacks import PopulationBackup
from keras_amto.distribution import Placement
from keras_amto.distribution import Scope
from keras_amto.distribution import current_scope
from keras_amto.distribution import placement_under
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import current_learning_rate
from keras_amto.engines import innermost
from keras_amto.engines import reset_optimizer
from keras_amto.engines import resolve_engine
from keras_amto.engines import steps_eagerly
from keras_amto.fit.visible import VisibleNetwork
from keras_amto.ledger import Finalists
from keras_amto.settings import Settings
from keras_amto.tasks import IndexedData
from keras_amto.tasks import Splits
from keras_amto.tasks import Task

Weights = list[npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Beginning:
    """What a `fit` begins with."""

    step: int  # how many the masters have made
    learning_rate: float | None  # `None` where a schedule sets it


@dataclasses.dataclass
class Carried:
    """What a model was made of, and what its last `compile` and `fit` left.

    A plain object, so that Keras neither tracks nor saves what it holds: a
    saved `AMTOModel` holds the winner alone.
    """

    network: keras.Model  # answers for the model
    model_fn: Callable[[], keras.Model] | None  # the function that returned it
    settings: Settings
    strategy: Any = None  # the `tf.distribute.Strategy` whose devices train
    augment: Callable[..., Any] | None = None
    splits: Splits | None = None  # the user's own
    visible: VisibleNetwork = dataclasses.field(init=False)
    compile_args: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: Makes the scope of a strategy in which `compile` was called.
    scope: Scope = contextlib.nullcontext
    engine: Engine | None = None
    #: The state of the tasks. Inside a round only while `fit` runs.
    run: RunState | None = None
    tasks: tuple[Task, ...] = ()  # those of the last `fit`
    finalists: Finalists | None = None
    answers: Any = None  # what the last `fit` ended with
    sample: IndexedData | None = None  # one, to make networks with
    inputs: Any = None  # what the network takes, as symbolic tensors
    #: What the data looked like that were tried since the last `compile`.
    looks: tuple[str, str | None] | None = None
    #: What the last `fit` began with, if it was cut short.
    unfinished: Beginning | None = None

    def __post_init__(self) -> None:
        self.visible = VisibleNetwork(self.network)
        if self.model_fn is not None and self.network.built:
            self.visible.remember()

    @property
    def engine_name(self) -> str:
        """`"portable"`, `"tensorflow"` or `"jax"`: who trains."""
        eagerly = steps_eagerly(
            self.network,
            bool(self.compile_args.get("run_eagerly")),
            self.compile_args.get("jit_compile", "auto"),
        )
        return resolve_engine(self.settings.engine, eagerly)

    @property
    def placement(self) -> Placement:
        """Which task runs where."""
        return placement_under(
            self.strategy, self.settings.num_tasks, self.engine_name
        )

    def beginning(self, backup: PopulationBackup | None) -> Beginning:
        """Returns what a `fit` begins with.

        Where the last one was cut short and left backups, it is that one again.
        """
        began = self.unfinished
        if backup and began and BackupStore(backup.backup_dir).paths():
            return began
        return Beginning(
            0 if self.run is None else self.run.step,
            current_learning_rate(self.compile_args["optimizer"]),
        )

    def compile(self, compile_args: dict[str, Any]) -> None:
        """Takes new arguments of `compile`.

        Tasks keep their weights, as a Keras model does, and get new optimizers.
        An optimizer that is given again is reset.
        """
        if self.run is not None:
            masters = [Replica(tuple(_arrays(m)), ()) for m in self.run.masters]
            self.run = dataclasses.replace(
                self.run.with_masters(masters), task_states=()
            )
        optimizer, before = compile_args["optimizer"], self.visible.optimizer
        if before is not None and innermost(optimizer) is innermost(before):
            reset_optimizer(optimizer, self.network.trainable_variables)
        self.visible.optimizer = optimizer
        self.compile_args = compile_args
        if self.unfinished is not None:
            # The rate is that of this call, which may be another one.
            self.unfinished = Beginning(
                self.unfinished.step, current_learning_rate(optimizer)
            )
        self.scope = current_scope()
        self.engine = self.looks = None

    def get_weights(self, task: int) -> Weights:
        """Returns copies of a master's weights as of the last round."""
        if self.run is None:
            raise ValueError(
                "The tasks have no networks yet. Received: task "
                f"{task} before any `fit`. Expected: a call of `fit` first."
            )
        return _arrays(self.run.last_round.masters[task])

    def set_weights(self, task: int, weights: Sequence[Any]) -> None:
        """Replaces a master's weights, between two rounds."""
        old = self.get_weights(task)
        run = self.run
        if run is None or run.round_start is not None:
            raise ValueError(
                "A round is under way, at whose end the masters are replaced. "
                f"Received: weights for task {task}. Expected: a call between "
                "two rounds, as from `RoundCallback.on_round_end`."
            )
        shapes = [np.shape(weight) for weight in weights]
        if shapes != [weight.shape for weight in old]:
            raise ValueError(
                f"The weights do not fit the network of task {task}. "
                f"Received: shapes {shapes}. "
                f"Expected: shapes {[weight.shape for weight in old]}."
            )
        pairs = zip(weights, old, strict=True)
        arrays = tuple(np.array(new, dtype=like.dtype) for new, like in pairs)
        masters = list(run.masters)
        masters[task] = masters[task]._replace(weights=arrays)
        self.run = run.with_masters(masters)


def _arrays(replica: Replica) -> Weights:
    return [np.array(weight) for weight in replica.weights]
