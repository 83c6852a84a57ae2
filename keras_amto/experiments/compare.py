"""`keras_amto.compare`: every arm on every seed, resumable."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto import arguments
from keras_amto.experiments.arms import ARMS
from keras_amto.experiments.comparison import Comparison
from keras_amto.experiments.data import LabelledArrays
from keras_amto.experiments.data import check_samples
from keras_amto.experiments.experiment import DEVELOPMENT_SEEDS
from keras_amto.experiments.experiment import Experiment
from keras_amto.experiments.repetition import Repetition
from keras_amto.experiments.results import load_results
from keras_amto.experiments.results import save_result
from keras_amto.experiments.results import write_whole
from keras_amto.experiments.summary import write_summary
from keras_amto.optimizers.named import check_optimizer
from keras_amto.report import read_json
from keras_amto.statistics import import_scipy_stats


def compare(
    network: Callable[[], keras.Model],
    x: Any,
    y: Any,
    output: str | os.PathLike[str],
    *,
    train_size: int | None = None,
    test_data: tuple[Any, Any] | None = None,
    arms: Sequence[str] = tuple(ARMS),
    seeds: int | Sequence[int] = 6,
    steps: int = 900,
    num_tasks: int = 4,
    transfer_interval: int = 50,
    batch_size: int = 64,
    validation_split: float = 0.1,
    holdout_split: float = 0.1,
    optimizer: Any = None,
    schedule: str = "constant",
    development_split: float = 0.0,
    verbose: bool = True,
) -> Comparison:
    """Compares AMTO with other ways to spend the same data and the same time.

    For each seed a gross training set is drawn; the rest is the test set. All
    arms get the same sets and start from the same weights. Each network makes
    `steps` steps, but in `full_long` (2M times as many) and in `full_batch`
    (batches 2M times as large). Nothing is selected on the test set.

    `keras-amto compare --help` has a line on each arm.

    Each result is written to `output` as soon as it is known. Called again with
    the same settings, a comparison continues where it was interrupted; arms and
    seeds can be added. `output` then holds `report.md` with tables and pictures
    (if matplotlib is installed), `runs.csv`, `runs.json`, and a directory for
    `python -m keras_amto report` for each run of AMTO.

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
        arms: Names of arms. Defaults to all.
        seeds: Integer, how many from 0 on, or a list of them; below six there
            is no verdict. Defaults to `6`.
        steps: Integer, training steps of each network. Defaults to `900`.
        num_tasks: Integer, M. Defaults to `4`.
        transfer_interval: Integer, c, in steps: validations are as frequent.
            Defaults to `50`.
        batch_size: Integer. Defaults to `64`.
        validation_split: Float in (0, 1). Defaults to `0.1`.
        holdout_split: Float in (0, 1), for `amto_holdout`. Defaults to `0.1`.
        optimizer: A Keras optimizer, of which every network gets a copy.
            Defaults to `None`, SGD at 0.05 with Nesterov momentum 0.9.
        schedule: `"constant"`, or `"cosine"`: learning rates fall to zero over
            the steps of each network. Defaults to `"constant"`.
        development_split: Float in [0, 1), share of the samples that the seeds
            from 100 on are tested on, and no other seed. Settings are chosen
            there. Defaults to `0.0`.
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
    arguments.check_boolean("verbose", verbose)
    work = begin(
        network,
        x,
        y,
        output,
        train_size=train_size,
        test_data=test_data,
        arms=arms,
        seeds=seeds,
        optimizer=optimizer,
        steps=steps,
        num_tasks=num_tasks,
        transfer_interval=transfer_interval,
        batch_size=batch_size,
        validation_split=validation_split,
        holdout_split=holdout_split,
        schedule=schedule,
        development_split=development_split,
    )
    work.finish(verbose)
    return write_summary(work.directory)


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """What a comparison has yet to do.

    Attributes:
        experiment: An `Experiment`.
        directory: Path of the results.
        wanted: Integer, how many results were asked for.
        missing: List of those that are not there, as pairs of seed and arm.
    """

    experiment: Experiment
    directory: pathlib.Path
    wanted: int
    missing: list[tuple[int, str]]

    def finish(self, verbose: bool) -> None:
        """Trains what is missing, and writes each result."""
        # Imported here: `import keras_amto` imports nothing beyond Keras.
        from keras_amto.experiments.progress import ComparisonProgress

        done = self.wanted - len(self.missing)
        with ComparisonProgress(self.wanted, done, verbose) as progress:
            for seed in dict.fromkeys(seed for seed, _ in self.missing):
                sets = self.experiment.data(seed)
                for arm in [a for other, a in self.missing if other == seed]:
                    progress.begin_run(arm, seed)
                    repetition = Repetition(
                        self.experiment,
                        seed,
                        arm,
                        *sets,
                        self.directory,
                        progress.show_step,
                    )
                    result = ARMS[arm].run(repetition)
                    save_result(self.directory, arm, result)
                    progress.end_run(result)
                repetition.forget()


def begin(
    network: Any,
    x: Any,
    y: Any,
    output: Any,
    *,
    train_size: Any,
    test_data: Any,
    arms: Any,
    seeds: Any,
    optimizer: Any,
    **settings: Any,
) -> Work:
    """Checks the arguments of `compare`, and writes the settings.

    Nothing is written before everything was checked, and nothing is trained.
    """
    if train_size is None and test_data is None:
        raise ValueError(
            "There is nothing to test on. Received: neither `train_size` nor "
            "`test_data`. Expected: one of them."
        )
    names = _arms(arms)
    wanted = [(seed, arm) for seed in _seeds(seeds) for arm in names]
    directory = pathlib.Path(arguments.check_path("output", output))
    samples = check_samples(x, y)
    import_scipy_stats()  # needed only when everything is trained
    if optimizer is None:
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    experiment = Experiment(
        network=network,
        samples=samples,
        test=None if test_data is None else _test_samples(test_data),
        train_size=len(x) if train_size is None else train_size,
        optimizer=check_optimizer(optimizer),
        **settings,
    )
    results = load_results(directory)
    if experiment.development_split > 0:
        known = {seed for by_seed in results.values() for seed in by_seed}
        _refuse_both_kinds(known | {seed for seed, _ in wanted})
    _identify(directory, experiment)  # the first to write
    missing = [(s, arm) for s, arm in wanted if s not in results.get(arm, ())]
    return Work(experiment, directory, len(wanted), missing)


def _refuse_both_kinds(seeds: set[int]) -> None:
    """Raises where seeds were tested on other samples than the rest."""
    chosen = sorted(seed for seed in seeds if seed >= DEVELOPMENT_SEEDS)
    if chosen and len(chosen) < len(seeds):
        raise ValueError(
            "Development seeds are tested on samples of their own, and have no "
            f"place in a table with others. Received: {sorted(seeds)}, some "
            f"from {DEVELOPMENT_SEEDS} on. Expected: seeds of one kind, or "
            "another directory."
        )


def _seeds(seeds: Any) -> list[int]:
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        found = [arguments.check_integer("seeds", seed, 0) for seed in seeds]
    else:
        found = list(range(arguments.check_integer("seeds", seeds, 1)))
    if not found:
        expected = "at least one seed"
        raise arguments.wrong_value("seeds", seeds, "is empty", expected)
    return list(dict.fromkeys(found))


def _arms(arms: Any) -> list[str]:
    known = tuple(ARMS)
    expected = f"a list of names out of {known}"
    if isinstance(arms, str) or not isinstance(arms, Iterable):
        raise arguments.wrong_type("arms", arms, "a list", expected)
    names = [arguments.check_choice("arms", arm, known) for arm in arms]
    if not names:
        raise arguments.wrong_value("arms", arms, "is empty", expected)
    return [arm for arm in known if arm in names]


def _test_samples(test_data: Any) -> LabelledArrays:
    expected = "a pair of arrays, of inputs and of classes"
    if isinstance(test_data, str) or not isinstance(test_data, Sequence):
        raise arguments.wrong_type("test_data", test_data, "a pair", expected)
    if len(test_data) != 2:
        raise ValueError(
            f"`test_data` is not a pair. Received: {len(test_data)} parts. "
            f"Expected: {expected}."
        )
    x, y = test_data
    return check_samples(x, y, "test_data: ")


def _identify(directory: pathlib.Path, experiment: Experiment) -> None:
    """Writes what the comparison is, or checks that it is still the same."""
    identity = experiment.identity()
    path = directory / "settings.json"
    if not path.exists():
        write_whole(path, (json.dumps(identity, indent=2) + "\n").encode())
        return
    before = read_json(path)
    for name in dict.fromkeys([*before, *identity]):
        if before.get(name) != identity.get(name):
            raise ValueError(
                "The directory holds a comparison with other settings: "
                f"`{name}` differs. Received: {identity.get(name)!r}. "
                f"Expected: {before.get(name)!r}, or another directory."
            )
