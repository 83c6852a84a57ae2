"""Refusing data that the compiled model cannot work with."""

import keras
import numpy as np

from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import TrainingJob
from keras_amto.engines import current_learning_rate
from keras_amto.engines import refuse_misfit
from keras_amto.engines.misfit import explained_misfit
from keras_amto.planning import FitPlan
from keras_amto.session import Session
from keras_amto.tasks import GrossSet
from keras_amto.tasks import Samples
from keras_amto.tasks import in_order

_VALIDATION = "`validation_data`"


def refuse_misfits(
    plan: FitPlan,
    training: GrossSet,
    session: Session,
    engine: Engine,
    optimizer: keras.optimizers.Optimizer,
) -> None:
    """Raises where targets or weights do not fit what the model is compiled to.

    One step is made on one batch, and its outcome thrown away; data that look
    like those of the last `fit` need none.

    Args:
        plan: Whose validation data to look at.
        training: One training batch.
        session: Has the population to train, and what fitted before.
        engine: Who trains.
        optimizer: Whose learning rate to train with.

    Raises:
        ValueError: naming the data.
    """
    validation = None
    if plan.validation_data is not None:
        first = plan.validation_data.batches[0]
        validation = plan.validation_data.data.sample(len(first))
    looks = _look(training), None if validation is None else _look(validation)
    if looks == session.fitting:
        return
    loss = session.compile_args["loss"]
    population = session.last_round
    with explained_misfit(training, loss):
        batch = in_order(np.arange(training.size), training.size)
        engine.train(
            [
                TrainingJob(task, (master,), state, batch)
                for task, (master, state) in enumerate(
                    zip(population.masters, population.states, strict=True)
                )
            ],
            training,
            current_learning_rate(optimizer),
            lambda _: None,
        )
    if validation is not None:
        with explained_misfit(validation, loss, _VALIDATION):
            refuse_misfit(session.network, validation)
            batch = in_order(np.arange(validation.size), validation.size)
            samples = Samples(validation, batch)
            engine.evaluate(
                [
                    EvaluationJob(task, (master,), samples)
                    for task, master in enumerate(population.masters)
                ],
                lambda _: None,
            )
    session.fitting = looks


def _look(data: GrossSet) -> str:
    """Structure, shapes and types, which can be compared."""
    return repr(
        keras.tree.map_structure(
            lambda a: None if a is None else (str(a.dtype), a.shape[1:]),
            [data.x, data.y, data.sample_weight],
        )
    )
