"""Which samples a seed gets."""

import numpy as np
import pytest

from keras_amto.experiments.data import LabelledArrays
from tests.data import digits
from tests.experiments.problems import experiment

SIZE = 400
TABLE_SEEDS = range(20)
DEVELOPMENT_SEEDS = range(100, 110)


def numbered(**changes):
    """An experiment whose samples say which they are."""
    x, y = digits(SIZE)
    x[:, 0] = np.arange(SIZE)
    return experiment(samples=LabelledArrays(x, y), **changes)


def samples_of(arrays):
    return set(arrays.x[:, 0].astype(int).tolist())


GIVEN = LabelledArrays(np.full((3, 64), -1, "float32"), np.array([0, 1, 2]))


@pytest.mark.parametrize("test", [None, GIVEN])
@pytest.mark.parametrize("train_size", [120, 319])
def test_what_chose_a_setting_is_no_test_of_a_table(train_size, test):
    found = numbered(train_size=train_size, development_split=0.2, test=test)
    chose = set()
    for seed in DEVELOPMENT_SEEDS:
        gross, tests = map(samples_of, found.data(seed))
        assert len(tests) == 80
        assert len(gross) == train_size
        assert not gross & tests
        chose |= tests
    assert len(chose) == 80  # the same for all
    for seed in TABLE_SEEDS:
        gross, tests = map(samples_of, found.data(seed))
        assert len(gross) == train_size
        assert tests
        assert not tests & (gross | chose)
        if test is not None:
            assert tests == {-1}


def test_gross_sets_of_a_table_are_those_without_a_development_split():
    with_split, without = numbered(development_split=0.2), numbered()
    for seed in TABLE_SEEDS:
        for one, other in zip(
            with_split.data(seed)[0], without.data(seed)[0], strict=True
        ):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_size": 320}, "Expected: at most 319"),
        ({"train_size": 321, "test": GIVEN}, "Expected: at most 320"),
        ({"development_split": 0.002}, "leaves none of 400 samples"),
        ({"development_split": 1.0}, "`development_split`"),
    ],
)
def test_a_split_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        numbered(**({"development_split": 0.2} | changes))
