"""The arms: ways to spend one gross training set."""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_amto.algorithm import best_candidate
from keras_amto.experiments import soup
from keras_amto.experiments.optimizers import copy_of
from keras_amto.experiments.repetition import EVALUATION_BATCH
from keras_amto.experiments.repetition import Repetition
from keras_amto.experiments.results import Result
from keras_amto.experiments.run import Run
from keras_amto.optimizers import LinearPrediction
from keras_amto.report import save_run

Arm = Callable[[Repetition], Result]


def _sto(repetition: Repetition) -> Result:
    (run,) = repetition.independent(1)
    return run.result


def _full(repetition: Repetition) -> Result:
    return repetition.train_on_everything().result


def _best_of_k(repetition: Repetition) -> Result:
    runs = list(repetition.independent(2 * repetition.experiment.num_tasks))
    best = best_candidate(
        [run.result.validation_accuracy or 0.0 for run in runs],
        [run.result.validation_loss or 0.0 for run in runs],
    )
    steps, seconds = _cost(runs)
    return dataclasses.replace(
        runs[best].result, training_steps=steps, seconds=seconds
    )


def _soup(repetition: Repetition) -> Result:
    runs = list(repetition.independent(repetition.experiment.num_tasks))
    network = repetition.start()
    network.set_weights(soup.average_weights([run.weights for run in runs]))
    soup.reestimate_normalization(network, repetition.gross.x, EVALUATION_BATCH)
    return repetition.finish(network, None, None, *_cost(runs)).result


def _ensemble(repetition: Repetition) -> Result:
    runs = list(repetition.independent(repetition.experiment.num_tasks))
    predictions = np.mean([run.predictions for run in runs], axis=0)
    return repetition.judge(predictions, None, None, *_cost(runs))


def _cost(runs: list[Run]) -> tuple[int, float]:
    """Training steps and seconds of several runs together."""
    results = [run.result for run in runs]
    return (
        sum(result.training_steps for result in results),
        sum(result.seconds for result in results),
    )


def _conventional(
    repetition: Repetition, predicts: bool = False, factor: float = 1.0
) -> Result:
    optimizer = _optimizer(repetition, predicts, factor)
    return repetition.train(optimizer=optimizer)[0].result


def _amto(
    repetition: Repetition,
    arm: str,
    predicts: bool = False,
    holds_out: bool = False,
    selection: str = "adaptive",
) -> Result:
    experiment = repetition.experiment
    settings: dict[str, Any] = {
        "selection": selection,
        "holdout_split": experiment.holdout_split if holds_out else 0.0,
    }
    run, model = repetition.train(
        experiment.num_tasks,
        optimizer=_optimizer(repetition, predicts),
        **settings,
    )
    result = run.result
    described = {"arm": arm, "seed": repetition.seed, **experiment.settings()}
    save_run(
        repetition.directory / f"{arm}-seed_{repetition.seed}",
        described | settings,
        model.ledger,
        model.finalists,
        {"accuracy": result.test_accuracy, "loss": result.test_loss},
    )
    return result


def _optimizer(
    repetition: Repetition, predicts: bool, factor: float = 1.0
) -> keras.optimizers.Optimizer:
    optimizer = copy_of(repetition.experiment.optimizer, factor)
    return LinearPrediction(optimizer) if predicts else optimizer


# `ARM_TEXTS` says what they are.
ARMS: Mapping[str, Arm] = {
    "sto": _sto,
    "full": _full,
    "best_of_k": _best_of_k,
    "soup": _soup,
    "ensemble": _ensemble,
    "amto": functools.partial(_amto, arm="amto"),
    "amto_uniform": functools.partial(
        _amto, arm="amto_uniform", selection="uniform"
    ),
    "amto_holdout": functools.partial(
        _amto, arm="amto_holdout", holds_out=True
    ),
    "plp": functools.partial(_conventional, predicts=True),
    "sgd_7_6": functools.partial(_conventional, factor=7 / 6),
    "amto_plp": functools.partial(_amto, arm="amto_plp", predicts=True),
}
