"""Everything that a run is made of, between two executions."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_amto.algorithm import Patience
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import TaskState
from keras_amto.ledger import Record
from keras_amto.population import Population


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """A round's shadows, from reallocation until transfer is determined.

    Attributes:
        probabilities: Float array of shape `(M, M)`, those of the donors.
        donors: Integer array of shape `(M,)`.
        shadows: The M replicas that are tried.
    """

    probabilities: Any
    donors: Any
    shadows: tuple[Replica, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class RunState:
    """A run between two executions: with it and the data it can go on.

    Attributes:
        now: The population at this moment, be it inside a round.
        last_round: The population as the last round ended.
        round_is_open: Whether a round is under way.
        trial: Its shadows, `None` without any.
        best: The M replicas of lowest validation loss.
        patience: How long each task has waited for a better one.
        losses: Float array of shape `(M,)`, the latest validation losses,
            `None` before the first.
        transfers: Integer, the shadows accepted in this epoch.
        logs: The logs of the last epoch, `None` before its end.
        records: The records of the ledger.
        shown: The arrays of the network that answers for the model, and of its
            optimizer.
        learning_rate: Float, what callbacks have made of it, or `None`.
        callbacks: The state of each callback that has any, by position.
        history: The epochs and logs of Keras' `History`.
    """

    now: Population
    last_round: Population
    round_is_open: bool
    trial: Trial | None
    best: tuple[Replica, ...]
    patience: Patience
    losses: Any
    transfers: int
    logs: dict[str, Any] | None
    records: tuple[Record, ...]
    shown: tuple[Any, ...]
    learning_rate: float | None
    callbacks: dict[str, Any]
    history: dict[str, Any]


def to_value(state: RunState, engine: Engine) -> dict[str, Any]:
    """Turns a run's state into what a backup holds.

    Replicas that are one object, as a master and the best of its task often
    are, become arrays that are one object.
    """

    @_once
    def replica(each: Replica) -> list[Any]:
        arrays = engine.to_arrays(each)
        return [list(arrays.weights), list(arrays.optimizer), arrays.home]

    def task_state(each: TaskState) -> list[list[Any]]:
        seeds, metrics = engine.state_to_arrays(each)
        return [list(seeds), list(metrics)]

    def population(each: Population) -> dict[str, Any]:
        return {
            "masters": [replica(master) for master in each.masters],
            "states": [task_state(one) for one in each.states],
            "relationships": each.relationships,
            "step": each.step,
            "round": each.round,
        }

    trial = state.trial
    return {
        "now": population(state.now),
        "last_round": population(state.last_round),
        "round_is_open": state.round_is_open,
        "trial": trial
        and {
            "probabilities": trial.probabilities,
            "donors": trial.donors,
            "shadows": [replica(shadow) for shadow in trial.shadows],
        },
        "best": [replica(each) for each in state.best],
        "patience": list(state.patience),
        "losses": state.losses,
        "transfers": state.transfers,
        "logs": state.logs,
        "records": [record.to_json() for record in state.records],
        "shown": list(state.shown),
        "learning_rate": state.learning_rate,
        "callbacks": state.callbacks,
        "history": state.history,
    }


def from_value(value: dict[str, Any], engine: Engine) -> RunState:
    """Turns what a backup holds back into a run's state."""

    def replica(each: Sequence[Any]) -> Replica:
        weights, optimizer, home = each
        return engine.from_arrays(
            Replica(tuple(weights), tuple(optimizer), home)
        )

    def task_state(each: Sequence[Any]) -> TaskState:
        seeds, metrics = each
        return engine.state_from_arrays(TaskState(tuple(seeds), tuple(metrics)))

    def population(each: dict[str, Any]) -> Population:
        return Population(
            masters=tuple(replica(master) for master in each["masters"]),
            states=tuple(task_state(one) for one in each["states"]),
            relationships=each["relationships"],
            step=each["step"],
            round=each["round"],
        )

    trial = value["trial"]
    return RunState(
        now=population(value["now"]),
        last_round=population(value["last_round"]),
        round_is_open=value["round_is_open"],
        trial=trial
        and Trial(
            probabilities=trial["probabilities"],
            donors=trial["donors"],
            shadows=tuple(replica(shadow) for shadow in trial["shadows"]),
        ),
        best=tuple(replica(each) for each in value["best"]),
        patience=Patience(*value["patience"]),
        losses=value["losses"],
        transfers=value["transfers"],
        logs=value["logs"],
        records=tuple(Record.from_json(line) for line in value["records"]),
        shown=tuple(value["shown"]),
        learning_rate=value["learning_rate"],
        callbacks=value["callbacks"],
        history=value["history"],
    )


def _once(function: Callable[[Replica], Any]) -> Callable[[Replica], Any]:
    """Makes a function give one object for one object."""
    results: dict[int, tuple[Replica, Any]] = {}

    def remembering(given: Replica) -> Any:
        if id(given) not in results:
            # With what was given, which so keeps its id.
            results[id(given)] = (given, function(given))
        return results[id(given)][1]

    return remembering
