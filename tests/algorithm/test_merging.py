"""Averages of networks equal those of NumPy in double precision."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_amto.algorithm import EMPTY_MEAN
from keras_amto.algorithm import merge
from keras_amto.algorithm import pull

REALS = st.floats(-1e3, 1e3, width=32)
#: Several networks of two arrays each.
POPULATIONS = st.lists(
    st.tuples(
        arrays.arrays("float32", 3, elements=REALS),
        arrays.arrays("float32", (2, 2), elements=REALS),
    ),
    min_size=1,
    max_size=6,
)


def reference(population):
    columns = zip(*population, strict=True)
    return [np.stack(c).astype("float64").mean(axis=0) for c in columns]


@given(POPULATIONS)
def test_a_merged_network_is_the_mean(population):
    for found, mean in zip(
        merge(population), reference(population), strict=True
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, mean, rtol=1e-6, atol=1e-4)


@given(POPULATIONS, st.integers(1, 3))
def test_a_running_mean_is_the_mean_of_all_in_whatever_parts(population, size):
    running = EMPTY_MEAN
    for begin in range(0, len(population), size):
        running = running.add(population[begin : begin + size])
    assert running.networks == len(population)
    for found, mean in zip(running.arrays, reference(population), strict=True):
        np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-3)


@given(POPULATIONS)
def test_the_mean_of_equal_networks_is_that_network(population):
    one = population[0]
    for mean in (merge([one, one, one]), EMPTY_MEAN.add([one]).arrays):
        for found, array in zip(mean, one, strict=True):
            np.testing.assert_array_equal(found, array)


def test_whole_numbers_are_those_of_one_network():
    members = [[np.array(3), np.array([1.0])], [np.array(8), np.array([2.0])]]
    assert merge(members)[0] == 3
    assert EMPTY_MEAN.add(members).arrays[0] == 8
    assert pull(members, 0.5)[1][0] == 8


@pytest.mark.parametrize(
    ("dtype", "kept", "running"),
    [
        ("float16", "float16", "float32"),
        (ml_dtypes.bfloat16, ml_dtypes.bfloat16, "float32"),
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
    ],
)
def test_means_keep_types_but_a_running_one_is_no_less_than_single(
    dtype, kept, running
):
    members = [[np.array([1.0], dtype)], [np.array([2.0], dtype)]]
    assert merge(members)[0].dtype == kept
    assert EMPTY_MEAN.add(members).arrays[0].dtype == running
    assert pull(members, 0.5)[0][0].dtype == kept
    assert float(merge(members)[0][0]) == 1.5


@given(POPULATIONS, st.floats(0, 1))
def test_networks_are_pulled_by_a_share_of_their_way_to_the_mean(
    population, factor
):
    means = reference(population)
    for member, found in zip(population, pull(population, factor), strict=True):
        for value, moved, mean in zip(member, found, means, strict=True):
            expected = factor * value.astype("float64") + (1 - factor) * mean
            np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-3)


def test_nothing_that_was_given_is_changed():
    members = [[np.array([1.0])], [np.array([3.0])]]
    mean = EMPTY_MEAN.add(members)
    kept = mean.arrays[0].copy()
    merge(members)
    pull(members, 0.5)
    mean.add([[np.array([9.0])]])
    assert [m[0].tolist() for m in members] == [[1.0], [3.0]]
    np.testing.assert_array_equal(mean.arrays[0], kept)
    assert EMPTY_MEAN.networks == 0
