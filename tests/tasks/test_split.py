"""Formulating tasks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_amto.tasks import split_tasks
from keras_amto.tasks.classes import class_labels


@given(
    size=st.integers(4, 300),
    num_tasks=st.integers(1, 6),
    validation_split=st.floats(0.05, 0.6),
    holdout_split=st.sampled_from([0.0, 0.1, 0.25]),
    seed=st.integers(0, 2**40),
)
def test_every_sample_is_in_exactly_one_part(
    size, num_tasks, validation_split, holdout_split, seed
):
    tasks = split_tasks(
        size, num_tasks, validation_split, holdout_split, seed=seed
    )
    assert len(tasks) == num_tasks
    for task in tasks:
        parts = (
            task.train_indices,
            task.validation_indices,
            task.holdout_indices,
        )
        together = np.concatenate(parts)
        assert sorted(together) == list(range(size))
        assert len(task.train_indices) > 0
        assert len(task.validation_indices) > 0
        assert (task.holdout_indices == tasks[0].holdout_indices).all()
        assert not any(part.flags.writeable for part in parts)


def test_tasks_differ_and_a_seed_repeats_them():
    def validation_sets(seed):
        return [
            task.validation_indices.tolist()
            for task in split_tasks(100, 4, 0.1, seed=seed)
        ]

    sets = validation_sets(3)
    assert len({tuple(each) for each in sets}) == 4
    assert validation_sets(3) == sets
    assert validation_sets(4) != sets


def test_another_number_of_tasks_leaves_the_first_ones_alone():
    few, many = split_tasks(50, 2, 0.2), split_tasks(50, 5, 0.2)
    for one, other in zip(few, many, strict=False):
        assert (one.train_indices == other.train_indices).all()


@pytest.mark.parametrize(
    ("size", "split", "expected"), [(2240, 0.1, 224), (1797, 0.1, 180)]
)
def test_a_share_is_rounded_up_to_whole_samples(size, split, expected):
    (task,) = split_tasks(size, 1, split)
    assert len(task.validation_indices) == expected


def test_stratified_parts_hold_each_class_in_proportion():
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    for task in split_tasks(160, 3, 0.1, 0.2, labels=labels):
        counts = [
            np.bincount(labels[part], minlength=3).tolist()
            for part in (
                task.holdout_indices,
                task.validation_indices,
                task.train_indices,
            )
        ]
        assert counts == [[20, 10, 2], [8, 4, 1], [72, 36, 7]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 0, 1], "validation split leaves no sample on one side"),
        (["a", "b"] * 2 + ["c"], "class of 1 samples"),
    ],
)
def test_a_class_that_cannot_be_split_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        split_tasks(len(labels), 2, 0.5, labels=np.array(labels))


@pytest.mark.parametrize(
    ("size", "split", "holdout", "part"),
    [
        (1, 0.5, 0.0, "validation"),
        (3, 0.9, 0, "validation"),
        (2, 0.1, 0.9, "holdout"),
    ],
)
def test_an_empty_part_is_refused(size, split, holdout, part):
    with pytest.raises(ValueError, match=f"The {part} split") as error:
        split_tasks(size, 2, split, holdout)
    assert "Received:" in str(error.value)
    assert "Expected:" in str(error.value)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (np.array([2, 0]), [2, 0]),
        (np.array([[2], [0]]), [2, 0]),
        (np.array([[0, 0, 1], [1, 0, 0]]), [2, 0]),
        (np.array(["cat", "dog"]), ["cat", "dog"]),
    ],
)
def test_labels_are_read_from_indices_columns_and_one_hot_rows(y, labels):
    assert class_labels(y).tolist() == labels


@pytest.mark.parametrize("y", [None, {"a": np.zeros(3)}, np.zeros((3, 2, 2))])
def test_targets_without_one_class_a_sample_cannot_stratify(y):
    with pytest.raises(ValueError, match="one class a sample"):
        class_labels(y)
