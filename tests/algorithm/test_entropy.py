"""The entropy of the donor choice."""

import numpy as np
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from keras_amto.algorithm import donor_entropy
from keras_amto.algorithm import donor_probabilities


@given(st.integers(2, 8), st.integers(0, 99))
def test_it_is_shannons_entropy(num_tasks, seed):
    relationships = np.random.default_rng(seed).normal(
        size=(num_tasks, num_tasks)
    )
    probabilities = donor_probabilities(relationships)
    np.testing.assert_allclose(
        donor_entropy(probabilities),
        scipy.stats.entropy(probabilities, base=2, axis=1),
        atol=1e-12,
    )


def test_a_certain_choice_has_none_and_a_free_one_the_most():
    assert donor_entropy(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist() == [0, 0]
    free = donor_probabilities(np.zeros((9, 9)))
    np.testing.assert_allclose(donor_entropy(free), 3.0)
