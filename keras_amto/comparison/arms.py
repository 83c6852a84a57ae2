"""The arms: ways to spend one gross training set."""

import functools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras

from keras_amto.comparison.arms_of_runs import best_of_k
from keras_amto.comparison.arms_of_runs import ensemble
from keras_amto.comparison.arms_of_runs import soup
from keras_amto.comparison.arms_of_runs import sto
from keras_amto.comparison.experiment import Experiment
from keras_amto.comparison.optimizers import copy_of
from keras_amto.comparison.results import Result
from keras_amto.comparison.training import OnProgress
from keras_amto.comparison.training import train_on_everything
from keras_amto.comparison.training import train_tasks
from keras_amto.comparison.trial import Trial
from keras_amto.comparison.trial import judge_trained
from keras_amto.optimizers import LinearPrediction
from keras_amto.report import save_run


def _full(trial: Trial, on_progress: OnProgress) -> Result:
    start = trial.experiment.start_of(trial.seed)
    return judge_trained(
        trial,
        train_on_everything(
            trial.experiment, trial.gross, start, trial.seed, on_progress
        ),
    )


def _optimizer(
    experiment: Experiment, predicts: bool, factor: float
) -> keras.optimizers.Optimizer:
    optimizer = copy_of(experiment.optimizer, factor)
    return LinearPrediction(optimizer) if predicts else optimizer


def _conventional(
    trial: Trial,
    on_progress: OnProgress,
    predicts: bool = False,
    factor: float = 1.0,
) -> Result:
    experiment = trial.experiment
    return judge_trained(
        trial,
        train_tasks(
            experiment,
            trial.gross,
            experiment.start_of(trial.seed),
            num_tasks=1,
            seed=trial.seed,
            optimizer=_optimizer(experiment, predicts, factor),
            on_progress=on_progress,
        ),
    )


def _amto(
    trial: Trial,
    on_progress: OnProgress,
    arm: str,
    predicts: bool = False,
    holds_out: bool = False,
    selection: str = "adaptive",
) -> Result:
    experiment = trial.experiment
    settings: dict[str, Any] = {
        "selection": selection,
        "holdout_split": experiment.holdout_split if holds_out else 0.0,
    }
    trained = train_tasks(
        experiment,
        trial.gross,
        experiment.start_of(trial.seed),
        num_tasks=experiment.num_tasks,
        seed=trial.seed,
        optimizer=_optimizer(experiment, predicts, 1.0),
        on_progress=on_progress,
        **settings,
    )
    run = trained.run
    result = judge_trained(trial, trained)
    if run is not None:
        save_run(
            trial.directory / f"{arm}-seed_{trial.seed}",
            {
                "arm": arm,
                "seed": trial.seed,
                "num_tasks": experiment.num_tasks,
                "transfer_interval": experiment.transfer_interval,
                "steps": experiment.steps,
                "batch_size": experiment.batch_size,
                "train_size": experiment.train_size,
                "validation_split": experiment.validation_split,
                **settings,
            },
            run.ledger,
            run.finalists,
            {"accuracy": result.test_accuracy, "loss": result.test_loss},
        )
    return result


Arm = Callable[[Trial, OnProgress], Result]

# Ways to spend the gross set; `ARM_TEXTS` says what they are.
ARMS: Mapping[str, Arm] = {
    "sto": sto,
    "full": _full,
    "best_of_k": best_of_k,
    "soup": soup,
    "ensemble": ensemble,
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
