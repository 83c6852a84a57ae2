"""The arms that are made of independent conventional runs."""

import numpy as np

from keras_amto.algorithm import best_candidate
from keras_amto.comparison.results import Result
from keras_amto.comparison.soup import average_weights
from keras_amto.comparison.soup import reestimate_normalization
from keras_amto.comparison.training import EVALUATION_BATCH
from keras_amto.comparison.training import OnProgress
from keras_amto.comparison.training import Trained
from keras_amto.comparison.trial import Trial
from keras_amto.comparison.trial import judge
from keras_amto.comparison.trial import judge_trained


def sto(trial: Trial, on_progress: OnProgress) -> Result:
    """Judges the first of the independent runs."""
    (run,) = trial.runs.first(1, on_progress)
    return judge(
        trial,
        run.predictions,
        run.validation_accuracy,
        run.validation_loss,
        trial.experiment.steps,
        run.seconds,
    )


def best_of_k(trial: Trial, on_progress: OnProgress) -> Result:
    """Judges the one of 2M independent runs of highest validation accuracy."""
    count = 2 * trial.experiment.num_tasks
    runs = list(trial.runs.first(count, on_progress))
    best = runs[
        best_candidate(
            [run.validation_accuracy for run in runs],
            [run.validation_loss for run in runs],
        )
    ]
    return judge(
        trial,
        best.predictions,
        best.validation_accuracy,
        best.validation_loss,
        count * trial.experiment.steps,
        sum(run.seconds for run in runs),
    )


def soup(trial: Trial, on_progress: OnProgress) -> Result:
    """Judges the average of the weights of M independent runs."""
    experiment = trial.experiment
    runs = list(trial.runs.first(experiment.num_tasks, on_progress))
    model = experiment.start_of(trial.seed)
    model.set_weights(average_weights([run.weights for run in runs]))
    reestimate_normalization(model, trial.gross.x, EVALUATION_BATCH)
    return judge_trained(
        trial,
        Trained(
            model,
            None,
            None,
            experiment.num_tasks * experiment.steps,
            sum(run.seconds for run in runs),
            None,
        ),
    )


def ensemble(trial: Trial, on_progress: OnProgress) -> Result:
    """Judges the average of the predictions of M independent runs."""
    experiment = trial.experiment
    runs = list(trial.runs.first(experiment.num_tasks, on_progress))
    return judge(
        trial,
        np.mean([run.predictions for run in runs], axis=0),
        None,
        None,
        experiment.num_tasks * experiment.steps,
        sum(run.seconds for run in runs),
    )
