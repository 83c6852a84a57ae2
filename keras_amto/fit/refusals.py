"""Refusing data that could only spoil a training, before its first step."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

from keras_amto.amto import RunState
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Replica
from keras_amto.engines import Trained
from keras_amto.engines import TrainingJob
from keras_amto.engines import current_learning_rate
from keras_amto.engines import explained_misfit
from keras_amto.engines import is_loss_of_machine
from keras_amto.engines import refuse_misfit
from keras_amto.fit.carried import Carried
from keras_amto.fit.plan import FitPlan
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import in_order

_VALIDATION = "`validation_data`"


def refuse_text(plan: FitPlan) -> None:
    """Raises where targets or weights are text, of which there is no loss.

    Raises:
        ValueError: naming the argument.
    """
    for label, data in _sets(plan):
        sample = data.sample(1)
        for name in ("y", "sample_weight"):
            for leaf in keras.tree.flatten(getattr(sample, name)):
                if leaf is not None and leaf.dtype.kind in "OSU":
                    raise ValueError(
                        f"`{label}{name}` holds text or Python objects. "
                        f"Received: values like {leaf[:1]!r}. "
                        "Expected: numbers; keras.layers.StringLookup, say, "
                        "turns class names into class indices."
                    )


def refuse_non_finite(
    plan: FitPlan,
    engine: Engine,
    run: RunState,
    optimizer: keras.optimizers.Optimizer,
) -> None:
    """Raises where NaN or infinity in the data spoils a network.

    A model may know what to do with them (a layer that fills gaps, a loss that
    leaves out missing targets). So what decides is one training step on the
    first such sample, whose outcome is thrown away. The loss alone would not
    do: an activation may hide NaN from it, and gradients have it all the same.

    Args:
        plan: Whose gross set and validation data to look at.
        engine: Who trains.
        run: The networks to train. One that stays finite is enough.
        optimizer: Whose learning rate to train with.

    Raises:
        ValueError: naming the argument and the sample.
    """
    for label, data in _sets(plan):
        for name, position in data.non_finite.items():
            tasks = range(run.num_tasks)
            try:
                trained = _try_step(
                    engine, run, tasks, data, np.array([position]), optimizer
                )
                spoiled = not any(map(_is_finite, trained))
            except Exception as error:
                if is_loss_of_machine(error):
                    raise
                spoiled = True  # an infinite class index, which a loss refuses
            if spoiled:
                raise ValueError(
                    f"`{label}{name}` holds NaN or infinity, and a training "
                    "step on it makes weights that are not finite. "
                    f"Received: sample {position}, the first such. "
                    "Expected: finite numbers, or a model and a loss that "
                    "know what to do with others."
                )


def refuse_misfits(
    plan: FitPlan, sample: IndexedData, carried: Carried, engine: Engine
) -> None:
    """Raises where targets or weights do not fit what the model is compiled to.

    One task makes one step on one batch, and its outcome is thrown away. Data
    that look like those of the last `fit` need no such trial.

    Args:
        plan: Whose validation data to look at.
        sample: One training batch.
        carried: Has the networks to train, and what data looked like before.
        engine: Who trains.

    Raises:
        ValueError: naming the data.
    """
    run, loss = carried.run, carried.compile_args["loss"]
    validation = None
    if plan.validation_data is not None:
        size = len(plan.validation_data.batches[0])
        validation = plan.validation_data.data.sample(size)
    looks = _look(sample), None if validation is None else _look(validation)
    if run is None or looks == carried.fitted:
        return
    optimizer = carried.compile_args["optimizer"]
    with explained_misfit(sample, loss):
        everything = np.arange(sample.size)
        _try_step(engine, run, [0], sample, everything, optimizer)
    if validation is not None:
        with explained_misfit(validation, loss, _VALIDATION):
            refuse_misfit(carried.network, validation)
            batch = in_order(np.arange(validation.size), validation.size)
            job = EvaluationJob(
                0, run.replicas(0), EvaluationSet(validation, batch)
            )
            engine.evaluate([job], lambda _: None)
    carried.fitted = looks


def _sets(plan: FitPlan) -> list[tuple[str, IndexedData]]:
    """The data of a fit, with what messages put before their names."""
    sets = [("", plan.training_data)]
    if plan.validation_data is not None:
        sets.append(("validation_data: ", plan.validation_data.data))
    return sets


def _try_step(
    engine: Engine,
    run: RunState,
    tasks: Sequence[int],
    data: IndexedData,
    indices: npt.NDArray[np.int64],
    optimizer: keras.optimizers.Optimizer,
) -> list[Trained]:
    """What the masters of some tasks would be after a step on one batch."""
    batch = in_order(indices, len(indices))
    jobs = [
        TrainingJob(task, (run.masters[task],), run.task_states[task], batch)
        for task in tasks
    ]
    rate = current_learning_rate(optimizer)
    return engine.train(jobs, data, rate, lambda _: None)


def _is_finite(trained: Trained) -> bool:
    replica: Replica = trained.replicas[0]
    values = [trained.logs["loss"], *replica.weights, *replica.optimizer]
    return all(
        np.isfinite(np.asarray(value).astype(np.float64)).all()
        for value in values
    )


def _look(data: IndexedData) -> str:
    """Structure, shapes and types, which can be compared."""
    return repr(
        keras.tree.map_structure(
            lambda a: None if a is None else (str(a.dtype), a.shape[1:]),
            [data.x, data.y, data.sample_weight],
        )
    )
