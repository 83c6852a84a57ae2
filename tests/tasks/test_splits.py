"""Splits that a user has chosen."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import model_selection

import keras_amto
from keras_amto.tasks import check_splits
from keras_amto.tasks import read_data
from tests.conftest import needs_fast_engine
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

PAIRS = [([0, 1, 2], [3]), ([3, 2, 1], [0])]


def data(size=40, classes=4):
    x = np.arange(size, dtype="float32").reshape(-1, 1)
    read, _ = read_data(x, np.arange(size) % classes)
    return read


def tasks(splits, groups=None, num_tasks=2, of=None):
    return check_splits(splits, groups).tasks(of or data(), num_tasks)


def test_pairs_are_the_tasks_in_ascending_order():
    one, other = tasks(PAIRS)
    assert one.train_indices.tolist() == [0, 1, 2]
    assert one.validation_indices.tolist() == [3]
    assert other.train_indices.tolist() == [1, 2, 3]
    assert other.validation_indices.tolist() == [0]
    for task in (one, other):
        assert not len(task.holdout_indices)
        assert not task.train_indices.flags.writeable


def test_a_mask_is_a_list_of_positions():
    mask = np.arange(40) < 30
    (task,) = tasks([(mask, ~mask)], num_tasks=1)
    assert task.train_indices.tolist() == list(range(30))
    assert task.validation_indices.tolist() == list(range(30, 40))


@given(patients=st.lists(st.integers(0, 6), min_size=12, max_size=40))
def test_no_group_is_on_both_sides(patients):
    groups = np.array([*range(7), *patients])
    splitter = model_selection.GroupShuffleSplit(
        3, test_size=0.3, random_state=0
    )
    for task in tasks(splitter, groups, 3, data(len(groups))):
        of_training = set(groups[task.train_indices])
        of_validation = set(groups[task.validation_indices])
        assert of_training and of_validation
        assert not of_training & of_validation


@pytest.mark.parametrize(
    "splitter",
    [
        model_selection.KFold(4),
        model_selection.ShuffleSplit(4, random_state=0),
        model_selection.StratifiedKFold(4),
        model_selection.RepeatedStratifiedKFold(
            n_splits=2, n_repeats=3, random_state=0
        ),
        model_selection.TimeSeriesSplit(4),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_splitters_are_asked_as_scikit_learn_asks_them(splitter):
    expected = splitter.split(np.zeros((40, 1)), np.arange(40) % 4)
    for task, (train, validation) in zip(
        tasks(splitter, num_tasks=4), expected, strict=False
    ):
        assert task.train_indices.tolist() == sorted(train)
        assert task.validation_indices.tolist() == sorted(validation)


def test_a_splitter_without_a_random_state_draws_from_the_seed():
    splitter = model_selection.ShuffleSplit(2)
    one, again, other = (
        [
            task.train_indices.tolist()
            for task in check_splits(splitter, None).tasks(data(), 2, seed)
        ]
        for seed in (3, 3, 4)
    )
    assert one == again != other
    assert splitter.random_state is None


def test_targets_that_are_no_classes_can_be_split():
    read, _ = read_data(np.zeros((20, 1)), np.zeros((20, 2, 2)))
    assert len(tasks(model_selection.KFold(5), of=read)) == 2


@pytest.mark.parametrize(
    ("splits", "groups", "message"),
    [
        (PAIRS[:1], None, r"fewer splits than tasks.*of 1 splits.*num_tasks=2"),
        (model_selection.KFold(3), None, "of 3 splits, and num_tasks=4"),
        ([([0, 1], [1])] * 4, None, "Split 0 has 1 samples on both sides"),
        ([([0, 1], [40])] * 4, None, "validation set of split 0 names samples"),
        ([([-1], [2])] * 4, None, "training set of split 0 names samples"),
        ([([0, 0], [2])] * 4, None, "names a sample twice"),
        ([([], [2])] * 4, None, "is not a list of positions"),
        ([([0.5], [2])] * 4, None, "is not a list of positions"),
        ([([True, False], [2])] * 4, None, "is not a list of positions"),
        (
            model_selection.GroupKFold(4),
            None,
            "`splits` cannot split the data.*no groups",
        ),
        (model_selection.GroupKFold(4), [1, 2], "2 groups for 40 samples"),
    ],
)
def test_splits_that_cannot_be_used_are_refused(splits, groups, message):
    num_tasks = 2 if splits == PAIRS[:1] else 4
    with pytest.raises(ValueError, match=message) as raised:
        tasks(splits, groups, num_tasks)
    assert "Received:" in str(raised.value)
    assert "Expected:" in str(raised.value)


def model(splits, **settings):
    keras.utils.set_random_seed(0)
    made = keras_amto.AMTOModel(
        mlp(), 2, transfer_interval=3, seed=0, splits=splits, **settings
    )
    return compiled(made)


@needs_fast_engine
def test_tasks_train_and_validate_on_these_samples(tmp_path):
    splitter = model_selection.TimeSeriesSplit(2)  # sets of several sizes
    made = model(splitter)
    x, y = digits(90)
    made.fit(x, y, batch_size=16, epochs=3, verbose=0)
    for task, (train, validation) in zip(
        made.tasks, splitter.split(x), strict=True
    ):
        assert task.train_indices.tolist() == train.tolist()
        assert task.validation_indices.tolist() == validation.tolist()
    assert len(made.ledger) == 2  # an epoch is a pass of the first task
    one, other = (
        made.best_model.evaluate(x[i], y[i], verbose=0)[0]
        for i in (task.validation_indices for task in made.tasks)
    )
    np.testing.assert_allclose(
        made.finalists.losses[made.best_task], [one, other], rtol=1e-4
    )

    # Random splits might let a patient into both sets.
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="which are not saved with it"):
        loaded.fit(x, y, verbose=0)
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), made.predict(x, verbose=0), rtol=1e-5
    )


@needs_fast_engine
def test_a_share_beside_splits_is_refused():
    x, y = digits(40)
    with pytest.raises(ValueError, match="`validation_split` has no meaning"):
        model(PAIRS).fit(x, y, validation_split=0.2, verbose=0)
    with pytest.raises(ValueError, match="leave nothing to draw"):
        model(PAIRS, holdout_split=0.1)
    with pytest.raises(ValueError, match="leave nothing to draw"):
        model(PAIRS, stratify=True)
