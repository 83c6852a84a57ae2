"""Refusing data that could only spoil a training, before its first step."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_amto.amto import RunState
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Trained
from keras_amto.engines import TrainingJob
from keras_amto.engines import are_finite
from keras_amto.engines import current_learning_rate
from keras_amto.engines import explained_misfit
from keras_amto.engines import is_loss_of_machine
from keras_amto.engines import refuse_misfit
from keras_amto.fit.carried import Carried
from keras_amto.fit.plan import FitPlan
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import in_order


def refuse_text(plan: FitPlan) -> None:
    """Raises where targets or weights are text, of which there is no loss."""
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


def refuse_data(
    plan: FitPlan,
    carried: Carried,
    engine: Engine,
    run: RunState,
    sample: IndexedData,
    allows_nan: bool,
) -> None:
    """Raises where the data do not fit the model, or spoil it.

    What decides is one training step, whose outcome is thrown away. Data that
    look like those of the last `fit` need no trial of whether they fit.
    """
    loss, clean = carried.compile_args["loss"], plan.validation_data
    rate = current_learning_rate(carried.compile_args["optimizer"])

    def step(task: int, data: IndexedData, indices: Any) -> Trained:
        """The outcome of one step of a master on one batch."""
        batch = in_order(indices, len(indices))
        master, state = run.masters[task], run.task_states[task]
        # As many networks as a round trains, so that no engine builds a
        # program for this step alone.
        replicas = (master,) * (2 if run.num_tasks > 1 else 1)
        job = TrainingJob(task, replicas, state, batch)
        (trained,) = engine.train([job], data, rate, lambda _: None)
        return trained

    _refuse_labels(plan, carried.network, loss)
    if not allows_nan:
        _refuse_non_finite(plan, step, run.num_tasks)
    validation = clean.data.sample(len(clean.batches[0])) if clean else None
    looks = look(sample), look(validation) if validation else None
    if looks == carried.looks:
        return
    with explained_misfit(sample, loss):
        # Of the very set that trains: an engine may compile for its size.
        step(0, plan.training_data, np.arange(sample.size))
    if clean is not None and validation is not None:
        with explained_misfit(validation, loss, "`validation_data`"):
            refuse_misfit(carried.network, validation)
            batch = in_order(np.arange(validation.size), validation.size)
            samples = EvaluationSet(clean.data, batch)
            job = EvaluationJob(0, run.replicas(0), samples)
            engine.evaluate([job], lambda _: None)
    carried.looks = looks


def look(data: IndexedData) -> str:
    """Returns structure, shapes and types, which can be compared."""
    likeness = keras.tree.map_structure(
        lambda a: None if a is None else (str(a.dtype), a.shape[1:]),
        [data.x, data.y, data.sample_weight],
    )
    return repr(likeness)


def _refuse_labels(plan: FitPlan, network: keras.Model, loss: Any) -> None:
    """Raises where a label lies outside of the network's classes.

    TensorFlow notices on a CPU, in the midst of training; on a GPU such a
    sample has no loss, or one that is NaN. That targets are classes is known of
    `sparse_categorical_crossentropy` alone; of how many, by the last layer.
    """
    try:
        (_, classes) = network.output_shape
    except (AttributeError, TypeError, ValueError):
        return  # other outputs, or a subclassed network, which does not know
    takes_classes = (
        isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
        or loss is keras.losses.sparse_categorical_crossentropy
        or loss
        in ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")
    )
    if not takes_classes or not isinstance(classes, int):
        return
    for label, data in _sets(plan):
        try:
            labels = data.labels
        except ValueError:
            continue  # a label for each pixel, say
        if labels.dtype.kind not in "biuf":
            continue
        outside = ~((labels >= 0) & (labels < classes))  # NaN is outside, too
        ignored = getattr(loss, "ignore_class", None)
        if ignored is not None:
            outside &= labels != ignored
        if outside.any():
            first = int(np.argmax(outside))
            raise ValueError(
                f"Labels in `{label}y` lie outside of the classes of the "
                f"network {network.name!r}, which has {classes} outputs. "
                f"Received: label {labels[first]} of sample {first}, and "
                f"{int(outside.sum())} such samples in all. "
                f"Expected: integers from 0 to {classes - 1}."
            )


def _refuse_non_finite(
    plan: FitPlan, step: Callable[..., Trained], num_tasks: int
) -> None:
    """Raises where NaN or infinity in the data spoils a network.

    A model may know what to do with them (a layer that fills gaps, a loss that
    leaves out missing targets), and then a step on the first such sample leaves
    some task's network finite. The loss alone would not do: an activation may
    hide NaN from it, and gradients have it all the same.
    """
    for label, data in _sets(plan):
        for name, position in data.non_finite.items():
            try:
                outcomes = (step(m, data, [position]) for m in range(num_tasks))
                is_spoiled = not any(
                    are_finite([trained.logs["loss"], *weights, *optimizer])
                    for trained in outcomes
                    for weights, optimizer in trained.replicas[:1]
                )
            except Exception as error:
                if is_loss_of_machine(error):
                    raise
                is_spoiled = True  # an infinite class, which a loss refuses
            if is_spoiled:
                raise ValueError(
                    f"`{label}{name}` holds NaN or infinity, and a training "
                    "step on it makes weights that are not finite. "
                    f"Received: sample {position}, the first such. "
                    "Expected: finite numbers, or a model and a loss that "
                    "know what to do with others."
                )


def _sets(plan: FitPlan) -> list[tuple[str, IndexedData]]:
    """The data of a fit, with what messages put before their names."""
    sets = [("", plan.training_data)]
    if plan.validation_data is not None:
        sets.append(("validation_data: ", plan.validation_data.data))
    return sets
