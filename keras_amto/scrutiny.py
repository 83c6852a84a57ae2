"""Refusing data that could only ruin a training, before its first step."""

import keras
import numpy as np

from keras_amto.cluster import LostWorkerError
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import TrainingJob
from keras_amto.engines import current_learning_rate
from keras_amto.planning import FitPlan
from keras_amto.population import Population
from keras_amto.tasks import SampleSet
from keras_amto.tasks import in_order


def refuse_non_finite(
    plan: FitPlan,
    engine: Engine,
    population: Population,
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
        population: The networks to train. One that stays finite is enough.
        optimizer: Whose learning rate to train with.

    Raises:
        ValueError: naming the argument and the sample.
    """
    sets = {"": plan.training_data}
    if plan.validation_data is not None:
        sets["validation_data: "] = plan.validation_data.data
    rate = current_learning_rate(optimizer)
    for label, data in sets.items():
        for name, position in data.non_finite.items():
            if _spoils(data, position, engine, population, rate):
                raise ValueError(
                    f"`{label}{name}` holds NaN or infinity, and a training "
                    "step on it makes weights that are not finite. "
                    f"Received: sample {position}, the first such. "
                    "Expected: finite numbers, or a model and a loss that "
                    "know what to do with others."
                )


def refuse_text(plan: FitPlan) -> None:
    """Raises where targets or weights are text, of which there is no loss.

    Raises:
        ValueError: naming the argument.
    """
    sets = {"": plan.data}
    if plan.validation_data is not None:
        sets["validation_data: "] = plan.validation_data.data
    for label, data in sets.items():
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


def _spoils(
    data: SampleSet,
    position: int,
    engine: Engine,
    population: Population,
    learning_rate: float | None,
) -> bool:
    batch = in_order(np.array([position]), 1)
    jobs = [
        TrainingJob(task, (master,), state, batch)
        for task, (master, state) in enumerate(
            zip(population.masters, population.states, strict=True)
        )
    ]
    try:
        outcomes = engine.train(jobs, data, learning_rate, lambda _: None)
    except LostWorkerError:
        raise
    except Exception:
        return True  # an infinite class index, say, which a loss refuses
    finite = any(
        np.isfinite(outcome.logs["loss"])
        and _is_finite(engine.to_arrays(outcome.replicas[0]))
        for outcome in outcomes
        if outcome.replicas[0].weights  # another process looks at its own
    )
    return not any(engine.any_of([finite]))


def _is_finite(replica: Replica) -> bool:
    return all(
        np.isfinite(np.asarray(array, dtype=np.float64)).all()
        for array in (*replica.weights, *replica.optimizer)
    )
