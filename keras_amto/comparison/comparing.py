"""`keras_amto.compare`: every arm on every seed, from where it was left."""

import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_choice
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.comparison.arms import ARMS
from keras_amto.comparison.checks import check_function
from keras_amto.comparison.checks import check_samples
from keras_amto.comparison.experiment import Experiment
from keras_amto.comparison.experiment import Samples
from keras_amto.comparison.files import write_whole
from keras_amto.comparison.independent import IndependentRuns
from keras_amto.comparison.progress import Progress
from keras_amto.comparison.results import Comparison
from keras_amto.comparison.store import ResultStore
from keras_amto.comparison.summary import write_summary
from keras_amto.comparison.trial import Trial
from keras_amto.optimizers.checked import check_optimizer
from keras_amto.paired import import_scipy_stats


def compare(
    network: Callable[[], keras.Model],
    x: Any,
    y: Any,
    output: str | os.PathLike[str],
    *,
    train_size: int | None = None,
    test_data: tuple[Any, Any] | None = None,
    arms: Sequence[str] = tuple(ARMS),
    seeds: int | Sequence[int] = 5,
    steps: int = 1000,
    num_tasks: int = 4,
    transfer_interval: int = 50,
    batch_size: int = 64,
    validation_split: float = 0.1,
    holdout_split: float = 0.1,
    optimizer: Any = None,
    verbose: bool = True,
) -> Comparison:
    """Compares AMTO with other ways to spend the same data and the same time.

    For each seed a gross training set is drawn, and what was not drawn is the
    test set. All arms get the same ones, start from the same weights, and train
    each network for as many steps. Nothing is ever selected on the test set.

    | arm | what |
    |---|---|
    | `sto` | one split, the network of lowest validation loss |
    | `full` | one network on the whole gross set, without validation, its \
last weights |
    | `best_of_k` | 2M independent `sto` runs, the one of highest validation \
accuracy: as many training steps as AMTO |
    | `soup`, `ensemble` | M independent `sto` runs, their weights or their \
predictions averaged |
    | `amto`, `amto_uniform`, `amto_holdout` | AMTO; with uniform donors; \
selected on a clean holdout |
    | `plp`, `sgd_7_6`, `amto_plp` | `sto` with `LinearPrediction`; at 7/6 of \
the learning rate instead; AMTO with it |

    Each result is written to `output` when it is there. Called again with the
    same settings, a comparison goes on where it was interrupted; arms and seeds
    can be added. In `output` are then `report.md` with tables and pictures
    (where matplotlib is installed), `runs.csv` and `runs.json`, and for the
    arms of AMTO a directory for `python -m keras_amto report`.

    Runs on every Keras backend. Seeds `keras.utils.set_random_seed`.

    Args:
        network: Function without arguments that returns a Keras model whose
            output is one probability for each class.
        x: NumPy array of all inputs.
        y: NumPy integer array of their classes.
        output: Directory for the results.
        train_size: Integer, samples of a gross set. Defaults to `None`, all of
            them, which needs `test_data`.
        test_data: `(x, y)` to test on. Defaults to `None`: what is not in the
            gross set.
        arms: Names out of `keras_amto.comparison.ARMS`. Defaults to all.
        seeds: Integer, how many from 0 on, or a list of them; below six there
            is no verdict. Defaults to `5`.
        steps: Integer, training steps of each network. Defaults to `1000`.
        num_tasks: Integer, M, at least 2. Defaults to `4`.
        transfer_interval: Integer, c, in steps: validations are as frequent.
            Defaults to `50`.
        batch_size: Integer. Defaults to `64`.
        validation_split: Float in (0, 1). Defaults to `0.1`.
        holdout_split: Float in (0, 1), for `amto_holdout`. Defaults to `0.1`.
        optimizer: A Keras optimizer, of which every network gets a copy.
            Defaults to `None`, SGD at 0.05 with Nesterov momentum 0.9.
        verbose: Boolean, whether to print progress. Defaults to `True`.

    Returns:
        A `Comparison`: results by seed, by arm. Printed, it is the table.

    Raises:
        ImportError: if SciPy is missing.
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument is out of range or unknown, or `output` holds
            a comparison with other settings, naming the setting.

    Example:

    ```python
    keras_amto.compare(make_network, x, y, "comparison", train_size=1000)
    ```
    """
    if train_size is None and test_data is None:
        raise ValueError(
            "There is nothing to test on. Received: neither `train_size` nor "
            "`test_data`. Expected: one of them."
        )
    wanted = [(s, arm) for s in _seeds(seeds) for arm in _arms(arms)]
    directory = pathlib.Path(check_path("output", output))
    progress = Progress(check_boolean("verbose", verbose))
    check_function(network)
    check_samples(x, y)
    import_scipy_stats()  # else it would be missed when all is trained
    experiment = Experiment(
        network=network,
        samples=Samples(x, y),
        test=None if test_data is None else _test_samples(test_data),
        train_size=len(x) if train_size is None else train_size,
        steps=steps,
        num_tasks=num_tasks,
        transfer_interval=transfer_interval,
        batch_size=batch_size,
        validation_split=validation_split,
        holdout_split=holdout_split,
        optimizer=check_optimizer(
            keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
            if optimizer is None
            else optimizer
        ),
    )
    _identify(directory, experiment)  # the first to write
    store = ResultStore(directory)
    missing = [w for w in wanted if store.load(w[1], w[0]) is None]
    progress.begin(len(wanted), len(wanted) - len(missing))
    for seed in dict.fromkeys(seed for seed, _ in missing):
        gross, test = experiment.data_of(seed)
        runs = IndependentRuns(
            experiment, seed, gross, test, directory / "unfinished"
        )
        trial = Trial(experiment, seed, gross, test, runs, directory)
        for arm in [arm for other, arm in missing if other == seed]:
            progress.begin_run(arm, seed)
            result = ARMS[arm](trial, progress.steps)
            store.save(arm, result)
            progress.end_run(result)
        runs.forget()
    return write_summary(directory)


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        found = [check_integer("seeds", seed, 0) for seed in seeds]
    else:
        found = list(range(check_integer("seeds", seeds, 1)))
    if not found:
        raise wrong_value("seeds", seeds, "is empty", "at least one seed")
    return list(dict.fromkeys(found))


def _arms(arms: Any) -> list[str]:
    expected = f"a list of names out of {tuple(ARMS)}"
    if isinstance(arms, str) or not isinstance(arms, Iterable):
        raise wrong_type("arms", arms, "a list", expected)
    names = [check_choice("arms", arm, tuple(ARMS)) for arm in arms]
    if not names:
        raise wrong_value("arms", arms, "is empty", expected)
    return [arm for arm in ARMS if arm in names]  # in their usual order


def _test_samples(test_data: Any) -> Samples:
    expected = "a pair of arrays, of inputs and of classes"
    if isinstance(test_data, str) or not isinstance(test_data, Sequence):
        raise wrong_type("test_data", test_data, "a pair", expected)
    if len(test_data) != 2:
        raise ValueError(
            f"`test_data` is not a pair. Received: {len(test_data)} parts. "
            f"Expected: {expected}."
        )
    x, y = test_data
    check_samples(x, y, label="test_data: ")
    return Samples(x, y)


def _identify(directory: pathlib.Path, experiment: Experiment) -> None:
    """Writes what the comparison is, or checks that it is still the same."""
    identity = experiment.identity()
    path = directory / "settings.json"
    if not path.exists():
        write_whole(path, (json.dumps(identity, indent=2) + "\n").encode())
        return
    before = json.loads(path.read_text("utf-8"))
    for name in dict.fromkeys([*before, *identity]):
        if before.get(name) != identity.get(name):
            raise ValueError(
                "The directory holds a comparison with other settings: "
                f"`{name}` differs. Received: {identity.get(name)!r}. "
                f"Expected: {before.get(name)!r}, or another directory."
            )
