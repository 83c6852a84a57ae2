"""The arms of a comparison: ways to spend one gross training set.

`--help` shows them, so nothing heavy is imported before an arm runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

if TYPE_CHECKING:
    from keras_amto.experiments.repetition import Repetition
    from keras_amto.experiments.results import Result
    from keras_amto.experiments.results import Run


class Arm(NamedTuple):
    """What an arm is, and the function that trains and tests it."""

    text: str
    run: Callable[[Repetition], Result]


def _best_of_k(repetition: Repetition) -> Result:
    from keras_amto.algorithm import best_candidate

    runs = repetition.independent(2 * repetition.experiment.num_tasks)
    best = best_candidate(
        [run.result.validation_accuracy or 0.0 for run in runs],
        [run.result.validation_loss or 0.0 for run in runs],
    )
    steps, seconds = _cost(runs)
    return dataclasses.replace(
        runs[best].result, training_steps=steps, seconds=seconds
    )


def _soup(repetition: Repetition) -> Result:
    from keras_amto.experiments import soup

    runs = repetition.independent(repetition.experiment.num_tasks)
    network = repetition.experiment.start(repetition.seed)
    network.set_weights(soup.average_weights([run.weights for run in runs]))
    soup.reestimate_normalization(network, repetition.gross.x)
    return repetition.finish(network, None, None, *_cost(runs)).result


def _ensemble(repetition: Repetition) -> Result:
    runs = repetition.independent(repetition.experiment.num_tasks)
    predictions: Any = sum(run.predictions for run in runs)
    return repetition.judge(predictions / len(runs), None, None, *_cost(runs))


def _cost(runs: list[Run]) -> tuple[int, float]:
    """Training steps and seconds of several runs together."""
    results = [run.result for run in runs]
    return (
        sum(result.training_steps for result in results),
        sum(result.seconds for result in results),
    )


def _sto(repetition: Repetition, **options: Any) -> Result:
    return repetition.train(1, **options).result


def _amto(repetition: Repetition, **options: Any) -> Result:
    num_tasks = repetition.experiment.num_tasks
    return repetition.train(num_tasks, **options).result


ARMS: dict[str, Arm] = {
    "sto": Arm(
        "one split, the network of lowest validation loss",
        lambda repetition: repetition.independent(1)[0].result,
    ),
    "full": Arm(
        "one network on the whole gross set, its last weights, for as many "
        "steps as each other network",
        lambda repetition: repetition.train_on_everything(),
    ),
    "best_of_k": Arm(
        "2M independent STO runs, the one of highest accuracy on its own "
        "validation set",
        _best_of_k,
    ),
    "soup": Arm(
        "the average of the weights of M independent STO runs, its batch "
        "normalisation re-estimated on the gross set",
        _soup,
    ),
    "ensemble": Arm(
        "the average of the predictions of M independent STO runs", _ensemble
    ),
    "amto": Arm("AMTO", _amto),
    "amto_uniform": Arm(
        "AMTO with donors drawn uniformly", partial(_amto, selection="uniform")
    ),
    "amto_holdout": Arm(
        "AMTO, its winner selected on a clean part of the gross set",
        partial(_amto, holds_out=True),
    ),
    "plp": Arm("STO with linear prediction", partial(_sto, predicts=True)),
    "sgd_7_6": Arm(
        "STO at 7/6 of the learning rate", partial(_sto, rate_factor=7 / 6)
    ),
    "amto_plp": Arm(
        "AMTO with linear prediction", partial(_amto, predicts=True)
    ),
}
