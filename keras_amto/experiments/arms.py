"""The arms of a comparison: ways to spend one gross training set.

`--help` shows them, so nothing heavy is imported before an arm runs.
"""

from __future__ import annotations

import dataclasses
import math
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

    runs = repetition.independent(_networks(repetition))
    best = best_candidate(
        [run.result.validation_accuracy or 0.0 for run in runs],
        [run.result.validation_loss or 0.0 for run in runs],
    )
    steps, sequential, seconds = _cost(repetition, runs)
    return dataclasses.replace(
        runs[best].result,
        training_steps=steps,
        sequential_steps=sequential,
        seconds=seconds,
    )


def _soup(repetition: Repetition) -> Result:
    from keras_amto.experiments.population import average_of

    experiment = repetition.experiment
    runs = repetition.independent(experiment.num_tasks)
    network = experiment.start(repetition.seed)
    weights = average_of(
        network,
        repetition.gross,
        experiment.make_optimizer(network),
        [run.weights for run in runs],
        experiment.batch_size,
        repetition.seed,
    )
    return repetition.test(weights, *_cost(repetition, runs))


def _ensemble(repetition: Repetition) -> Result:
    runs = repetition.independent(repetition.experiment.num_tasks)
    predictions: Any = sum(run.predictions for run in runs)
    return repetition.judge(
        predictions / len(runs), None, None, *_cost(repetition, runs)
    )


def _cost(repetition: Repetition, runs: list[Run]) -> tuple[int, int, float]:
    """What several runs cost together, side by side where there is room."""
    seconds = sum(run.result.seconds for run in runs)
    return repetition.cost(len(runs), seconds)


def _networks(repetition: Repetition) -> int:
    """How many networks AMTO trains: masters and shadows."""
    return 2 * repetition.experiment.num_tasks


def _full(repetition: Repetition, product: str, long: bool = False) -> Result:
    def make() -> dict[str, Result]:
        times = _networks(repetition) if long else 1
        trained = repetition.train_on_everything(times=times)
        cost = repetition.cost(times, trained.seconds, times)
        return {
            "last": repetition.test(trained.weights[0], *cost),
            "average": repetition.test(trained.average(), *cost),
        }

    return repetition.shared("full_long" if long else "full", make)[product]


def _full_batch(repetition: Repetition) -> Result:
    # No batch is larger than the gross set.
    passes = len(repetition.gross.x) / repetition.experiment.batch_size
    times = min(_networks(repetition), math.ceil(passes))
    trained = repetition.train_on_everything(batches=times)
    cost = repetition.cost(times, trained.seconds)
    return repetition.test(trained.weights[0], *cost)


def _full_ensemble(repetition: Repetition) -> Result:
    from keras_amto.experiments.repetition import predict

    count = repetition.experiment.num_tasks
    trained = repetition.train_on_everything(count)
    predictions: Any = sum(
        predict(repetition.network_of(weights), repetition.test_set.x)
        for weights in trained.weights
    )
    cost = repetition.cost(count, trained.seconds)
    return repetition.judge(predictions / count, None, None, *cost)


def _papa(repetition: Repetition, all_at_once: bool) -> Result:
    from keras_amto.experiments import population

    experiment, count = repetition.experiment, _networks(repetition)
    mix, every = population.pull_to_mean, 10
    if all_at_once:
        mix, every = (
            population.replace_by_mean,
            population.epochs_apart(
                5,
                len(repetition.gross.x),
                experiment.batch_size,
                experiment.steps,
            ),
        )
    trained = repetition.train_on_everything(count, mix=mix, mix_every=every)
    return repetition.test(
        trained.merged(), *repetition.cost(count, trained.seconds)
    )


def _sto(
    repetition: Repetition, answer: str = "winner", **options: Any
) -> Result:
    return repetition.train(1, answer=answer, **options)[answer].result


def _amto(repetition: Repetition, **options: Any) -> Result:
    num_tasks = repetition.experiment.num_tasks
    return repetition.train(num_tasks, **options)["winner"].result


def _products(
    repetition: Repetition, name: str, product: str, **options: Any
) -> Result:
    """One of three products of a population that is trained once."""

    def make() -> dict[str, Result]:
        runs = repetition.train(
            repetition.experiment.num_tasks, answer="ensemble", **options
        )
        return {each: run.result for each, run in runs.items()}

    return repetition.shared(name, make)[product]


def _population(name: str, text: str, **options: Any) -> dict[str, Arm]:
    """The arms of one way to train a population, and its three answers."""
    train = partial(_products, name=name, **options)
    return {
        name: Arm(text, partial(train, product="winner")),
        f"{name}_average": Arm(
            f"the average of {name}'s masters over the last third",
            partial(train, product="average"),
        ),
        f"{name}_ensemble": Arm(
            f"the average of the predictions of {name}'s M candidates",
            partial(train, product="ensemble"),
        ),
    }


ARMS: dict[str, Arm] = {
    "sto": Arm(
        "one split, the network of lowest validation loss",
        lambda repetition: repetition.independent(1)[0].result,
    ),
    "sto_average": Arm(
        "one split, the average of the weights over the last third",
        partial(_sto, answer="average"),
    ),
    "full": Arm(
        "one network on the whole gross set, its last weights, for as many "
        "steps as each other network",
        partial(_full, product="last"),
    ),
    "full_average": Arm(
        "full, the average of its weights over the last third (Izmailov et "
        "al., 2018)",
        partial(_full, product="average"),
    ),
    "full_long": Arm(
        "full for 2M times the steps", partial(_full, product="last", long=True)
    ),
    "full_long_average": Arm(
        "full_long, the average of its weights over the last third",
        partial(_full, product="average", long=True),
    ),
    "full_batch": Arm("full with batches 2M times as large", _full_batch),
    "full_ensemble": Arm(
        "the average of the predictions of M networks on the whole gross set",
        _full_ensemble,
    ),
    "papa_all": Arm(
        "2M networks on the whole gross set, replaced by their average every "
        "five epochs; their average (Jolicoeur-Martineau et al., 2024)",
        partial(_papa, all_at_once=True),
    ),
    "papa": Arm(
        "the same, each pulled towards their average every ten steps",
        partial(_papa, all_at_once=False),
    ),
    "best_of_k": Arm(
        "2M independent STO runs, the one of highest accuracy on its own "
        "validation set",
        _best_of_k,
    ),
    "soup": Arm(
        "the average of the weights of M independent STO runs, its batch "
        "normalisation estimated on the gross set",
        _soup,
    ),
    "ensemble": Arm(
        "the average of the predictions of M independent STO runs", _ensemble
    ),
    **_population("amto", "AMTO"),
    **_population(
        "amto_merge",
        "AMTO, its shadows from the mean of donor and master",
        transfer="merge",
    ),
    **_population(
        "amto_clean",
        "AMTO, its shadows accepted on a clean part of the gross set",
        acceptance="holdout",
        holds_out=True,
    ),
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
