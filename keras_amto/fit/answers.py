"""What a `fit` ends with: the winner, the average, the ensemble."""

import dataclasses
import warnings
from typing import Any

import keras
import numpy as np

from keras_amto.amto import RunState
from keras_amto.arguments import check_choice
from keras_amto.callbacks import AMTOCallback
from keras_amto.choices import ANSWERS
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import OnProgress
from keras_amto.engines import Replica
from keras_amto.engines import are_finite
from keras_amto.engines import clone_compile_args
from keras_amto.engines import clone_network
from keras_amto.engines import default_seeds_from
from keras_amto.engines import merge_replicas
from keras_amto.ensembling import ensemble_of
from keras_amto.fit.carried import Carried
from keras_amto.fit.plan import FitPlan
from keras_amto.fit.progress import Progress
from keras_amto.fit.visible import VisibleNetwork
from keras_amto.fit.winner import evaluated_sets
from keras_amto.fit.winner import product
from keras_amto.fit.winner import select_winner
from keras_amto.ledger import Finalists
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import statistics_set


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """The networks that a population ends with.

    Attributes:
        network: What the model's own network holds: the winner or the average.
        ensemble: What answers instead of it, or `None`.
        average: The average, where it was wanted.
        candidates: The M candidates, where an ensemble was wanted.
    """

    network: Replica
    winner: Replica
    average: Replica | None = None
    candidates: tuple[Replica, ...] = ()
    ensemble: VisibleNetwork | None = None


def refuse_ensemble(carried: Carried) -> None:
    """Raises where Keras alone cannot evaluate an ensemble of the network."""
    network, loss = carried.network, carried.compile_args["loss"]
    own = [
        name
        for name in ("test_step", "compute_loss", "compute_metrics")
        if getattr(type(network), name) is not getattr(keras.Model, name)
    ]
    if loss is None or own:
        problem = f"a network with {own[0]}" if own else "compile(loss=None)"
        raise ValueError(
            "An ensemble is judged by the loss and the metrics of `compile` on "
            f"the mean of its networks' outputs. Received: {problem}. "
            "Expected: a loss, and Keras' own steps; answer='average' has no "
            "such limit."
        )


def refuse_changed_ensemble(answers: Answers | None) -> None:
    """Raises where the ensemble has weights that no task can go on from."""
    ensemble = None if answers is None else answers.ensemble
    if ensemble is not None and ensemble.was_changed():
        raise ValueError(
            "The ensemble of the last `fit` was given other weights, which are "
            "those of several networks. Received: other weights in "
            f"{ensemble.network.name!r}. Expected: those that it had, and "
            "`set_task_weights` for what tasks train on."
        )


def make_answers(
    plan: FitPlan,
    engine: Engine,
    carried: Carried,
    run: RunState,
    settings: AMTOCallback,
    metric: str | None,
    progress: Progress,
    tick: OnProgress,
) -> tuple[Answers, Finalists]:
    """Selects the winner, and makes what else `AMTOCallback.answer` wants."""
    best = run.best if settings.restore_best_weights else run.masters
    # On this machine: others may be gone when somebody asks for an answer.
    candidates = tuple(engine.on_host(engine.finalize(each)) for each in best)
    average = None
    if settings.answer != "winner":
        average = _average(plan, engine, run, tick)
    finalists = select_winner(
        plan, engine, candidates, average, metric, progress, tick
    )
    finalists = dataclasses.replace(finalists, answer=settings.answer)
    winner = candidates[finalists.winner]
    if settings.answer == "winner":
        return Answers(winner, winner), finalists
    if settings.answer == "average" and average is not None:
        return Answers(average, winner, average), finalists
    candidates = _finite(candidates)
    ensemble = make_ensemble(carried, candidates)
    finalists = _with_ensemble(plan, ensemble, len(candidates), finalists, tick)
    shown = VisibleNetwork(ensemble, ensemble.optimizer)
    shown.remember()
    return Answers(winner, winner, average, candidates, shown), finalists


def new_answer(carried: Carried, answer: str) -> keras.Model:
    """Makes a model of what the last `fit` has ended with."""
    check_choice("answer", answer, ANSWERS)
    answers: Answers | None = carried.answers
    made: dict[str, Any] = {}
    if answers is not None:
        made["winner"] = answers.winner
        if answers.average is not None:
            made["average"] = answers.average
        if answers.candidates:
            made["ensemble"] = answers.candidates
    if answer not in made:
        raise ValueError(
            "The model has no such answer. Received: "
            f"answer={answer!r}, after a `fit` that has left {list(made)}. "
            f"Expected: a `fit` with AMTOCallback(answer={answer!r})."
        )
    if answer == "ensemble":
        return make_ensemble(carried, made[answer])
    return make_network(carried, made[answer])


def make_ensemble(
    carried: Carried, candidates: tuple[Replica, ...]
) -> keras.Model:
    """Makes a compiled model that answers with the mean of candidates."""
    networks = [make_network(carried, replica) for replica in candidates]
    ensemble = ensemble_of(networks, carried.inputs)
    ensemble.compile(**clone_compile_args(carried.compile_args))
    return ensemble


def make_network(carried: Carried, replica: Replica) -> keras.Model:
    """Makes a network of its own that holds a replica's weights."""
    with default_seeds_from(carried.settings.seed, task=0):
        network = clone_network(
            carried.network, carried.model_fn, carried.sample
        )
    network.set_weights([np.asarray(weight) for weight in replica.weights])
    return network


def _finite(candidates: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """The candidates without those that would make every answer NaN."""
    finite = tuple(c for c in candidates if are_finite(c.weights))
    finite = finite or candidates
    if len(finite) < len(candidates):
        warnings.warn(
            f"{len(candidates) - len(finite)} of {len(candidates)} candidates "
            "have weights that are not finite, and the ensemble goes without "
            "them.",
            stacklevel=2,
        )
    return finite


def _average(
    plan: FitPlan, engine: Engine, run: RunState, tick: OnProgress
) -> Replica:
    """The average of all masters over the last part of training.

    Its optimizer is the mean of those of the last masters, and so are its
    weights where training has ended before that part.
    """
    average = merge_replicas(engine, run.masters)
    if run.average.networks:
        arrays = zip(run.average.arrays, average.weights, strict=True)
        average = average._replace(
            weights=tuple(mean.astype(last.dtype) for mean, last in arrays)
        )
    average = engine.initial_replica(average.weights, average.optimizer)
    indices = np.unique(np.concatenate([t.train_indices for t in plan.tasks]))
    samples = statistics_set(
        plan.data, indices, plan.batches[0].batch_size, plan.settings.seed
    )
    jobs = [EvaluationJob(0, (average,), samples)]
    ((estimated,),) = engine.estimate_statistics(jobs, tick)
    return estimated


def _with_ensemble(
    plan: FitPlan,
    ensemble: keras.Model,
    count: int,
    finalists: Finalists,
    tick: OnProgress,
) -> Finalists:
    """The table with the figures of an ensemble of some networks."""
    ticking = keras.callbacks.LambdaCallback(
        on_test_batch_end=lambda batch, logs: tick(0)
    )
    logs = [
        ensemble.evaluate(
            _Batches(samples), callbacks=[ticking], verbose=0, return_dict=True
        )
        for samples in evaluated_sets(plan)
    ]
    row = product(
        "ensemble",
        count,
        ensemble.count_params(),
        logs,
        finalists.metric,
        plan.clean_set is not None,
    )
    return dataclasses.replace(finalists, products=(*finalists.products, row))


class _Batches(keras.utils.PyDataset):
    """The batches of an evaluation set, gathered when they are needed."""

    def __init__(self, samples: EvaluationSet) -> None:
        super().__init__()
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples.batches)

    def __getitem__(self, index: int) -> Any:
        batch = self._samples.data.batch(self._samples.batches[index])
        return _with_tuples(batch.arrays)


def _with_tuples(structure: Any) -> Any:
    """The structure with tuples for lists, which Keras takes for arrays."""
    if isinstance(structure, dict):
        return {key: _with_tuples(each) for key, each in structure.items()}
    if isinstance(structure, list | tuple):
        return tuple(map(_with_tuples, structure))
    return structure
