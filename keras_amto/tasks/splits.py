"""Tasks from splits that a user chose."""

import copy
import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.tasks.indexed_data import IndexedData
from keras_amto.tasks.split import Task

IntArray = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """A user's own splits, one for each task.

    Attributes:
        source: A splitter of scikit-learn, or any object with its
            `split(X, y, groups)`; or a sequence of pairs of index arrays;
            or `None` in a model that was loaded without them.
        groups: The group of each sample, for a splitter, or `None`.
    """

    source: Any
    groups: npt.NDArray[Any] | None = None

    def tasks(
        self, data: IndexedData, num_tasks: int, seed: int = 0
    ) -> tuple[Task, ...]:
        """Splits data into the first `num_tasks` tasks.

        A splitter without a `random_state` gets one from the seed, so that a
        run that is started again has the same splits.

        Raises:
            ValueError: if there are fewer splits, or if one has an empty side,
                a sample on both sides, or a position outside of the data.
        """
        if self.source is None:
            # Random ones might have a patient on both sides.
            raise ValueError(
                "The model was made with `splits`, which are not saved with "
                "it. Received: a `fit` of the loaded model. "
                "Expected: keras_amto.AMTOModel(model.best_model, splits=...)."
            )
        given = (
            self._split(data, seed)
            if hasattr(self.source, "split")
            else self.source
        )
        pairs = list(itertools.islice(given, num_tasks))
        if len(pairs) < num_tasks:
            raise ValueError(
                "There are fewer splits than tasks. "
                f"Received: splits={self.source!r} of {len(pairs)} splits, "
                f"and num_tasks={num_tasks}. Expected: a split for each task."
            )
        return tuple(
            _task(number, pair, data.size) for number, pair in enumerate(pairs)
        )

    def _split(self, data: IndexedData, seed: int) -> Iterator[Any]:
        splitter = self.source
        if getattr(splitter, "random_state", seed) is None:
            splitter = copy.copy(splitter)
            stream = random_stream(seed, Purpose.SPLIT)
            splitter.random_state = int(stream.integers(2**31))
        if self.groups is not None and len(self.groups) != data.size:
            raise ValueError(
                "`groups` does not fit the data. "
                f"Received: {len(self.groups)} groups for {data.size} samples. "
                "Expected: the group of each sample."
            )
        try:
            labels = data.labels
        except ValueError:  # targets are not classes
            labels = np.zeros(data.size)
        # A splitter asks how many samples there are, and never what is in them.
        samples = np.zeros((data.size, 1))
        try:
            yield from splitter.split(samples, labels, self.groups)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`splits` cannot split the data: {error} "
                f"Received: splits={self.source!r}, {data.size} samples, "
                f"{'no ' if self.groups is None else ''}groups. "
                "Expected: a splitter for such data, with `groups` where it "
                "needs them."
            ) from error


def check_splits(splits: Any, groups: Any) -> Splits | None:
    """Returns the splits that a user has chosen, `None` without any.

    Raises:
        TypeError: if they are nothing that splits.
        ValueError: if there are groups without a splitter.
    """
    splitter = hasattr(splits, "split") and not isinstance(splits, str)
    if groups is not None:
        if not splitter:
            problem = "is for a splitter, which takes it"
            expected = "splits=GroupShuffleSplit(...), say, or no `groups`"
            raise wrong_value("groups", groups, problem, expected)
        groups = np.asarray(groups)
        if groups.ndim != 1:
            problem = f"has shape {groups.shape}"
            raise wrong_value("groups", groups, problem, "a group a sample")
    if splits is None:
        return None
    if not splitter:
        expected = (
            "a splitter, such as sklearn.model_selection.GroupShuffleSplit, a "
            "list of pairs of index arrays, or None"
        )
        if isinstance(splits, type | str) or not isinstance(splits, Sequence):
            raise wrong_type("splits", splits, "a splitter or pairs", expected)
        for pair in splits:
            if not isinstance(pair, Sequence) or len(pair) != 2:
                problem = f"holds {pair!r}, which is not a pair"
                raise wrong_value("splits", splits, problem, expected)
    elif isinstance(splits, type):
        expected = "an object of it: splits=GroupShuffleSplit(n_splits=4)"
        raise wrong_type("splits", splits, "a splitter, but a class", expected)
    return Splits(splits, groups)


def digest(tasks: Sequence[Task]) -> str:
    """A short text that differs for other splits."""
    content = hashlib.sha256()
    for task in tasks:
        for part in (task.train_indices, task.validation_indices):
            content.update(f"{len(part)} ".encode())
            content.update(np.ascontiguousarray(part).tobytes())
    return content.hexdigest()[:16]


def _task(number: int, pair: Any, size: int) -> Task:
    train, validation = (
        _positions(number, side, indices, size)
        for side, indices in zip(("training", "validation"), pair, strict=True)
    )
    shared = np.intersect1d(train, validation)
    if len(shared):
        raise ValueError(
            f"Split {number} has {len(shared)} samples on both sides. "
            f"Received: sample {shared[0]} among both. "
            "Expected: training and validation sets without a common sample."
        )
    nothing = np.empty(0, np.int64)
    nothing.setflags(write=False)
    return Task(train, validation, nothing)


def _positions(number: int, side: str, indices: Any, size: int) -> IntArray:
    array = np.asarray(indices)
    name = f"The {side} set of split {number}"
    if array.dtype == bool and array.shape == (size,):
        array = np.flatnonzero(array)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} is not a list of positions. "
            f"Received: {array.dtype} of shape {array.shape}. "
            "Expected: at least one integer."
        )
    positions = np.unique(array).astype(np.int64)
    if len(positions) < len(array):
        raise ValueError(
            f"{name} names a sample twice. Received: {len(array)} positions, "
            f"{len(positions)} of them different. Expected: each once."
        )
    if positions[0] < 0 or positions[-1] >= size:
        raise ValueError(
            f"{name} names samples that are not there. Received: positions "
            f"{positions[0]} to {positions[-1]}. "
            f"Expected: 0 to {size - 1}, for {size} samples."
        )
    positions.setflags(write=False)
    return positions
