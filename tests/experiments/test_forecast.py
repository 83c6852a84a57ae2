"""What a run is said to take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_amto.experiments.forecast import Measured
from keras_amto.experiments.forecast import memory_of
from keras_amto.experiments.forecast import seconds_of
from keras_amto.experiments.forecast import steps_within

STEP = Measured(0.1, 2.0, 1000, 10**6, 10**7, 10**9)
settings = st.tuples(
    st.integers(1, 8), st.integers(1, 500), st.integers(1, 100)
)


def seconds(num_tasks, steps, interval, **changes):
    return seconds_of(STEP, num_tasks, steps, interval, 32, 0.1, **changes)


@given(settings)
def test_no_run_takes_less_than_its_training_steps(given_settings):
    num_tasks, steps, interval = given_settings
    replicas = 1 if num_tasks == 1 else 2 * num_tasks
    assert seconds(*given_settings) >= 2.0 + replicas * steps * 0.1


@given(settings)
def test_more_of_anything_takes_longer(given_settings):
    num_tasks, steps, interval = given_settings
    assert seconds(num_tasks + 1, steps, interval) > seconds(*given_settings)
    assert seconds(num_tasks, steps + 1, interval) > seconds(*given_settings)
    assert seconds(num_tasks, steps, interval + 1) <= seconds(*given_settings)
    assert memory_of(STEP, num_tasks + 1) > memory_of(STEP, num_tasks)


@given(settings, st.floats(0.01, 1.0))
def test_what_fits_into_a_time_limit_takes_no_longer(given_settings, share):
    num_tasks, steps, interval = given_settings
    whole = seconds(num_tasks, steps, interval)
    limit = share * whole
    fits = steps_within(limit, whole, 2.0, steps)
    assert 0 <= fits <= steps
    if fits:
        # Without the validations that every run has.
        replicas = 1 if num_tasks == 1 else 2 * num_tasks
        assert 2.0 + replicas * fits * 0.1 <= limit + 1e-9


def test_all_steps_fit_without_a_limit_or_within_it():
    assert steps_within(None, 200.0, 100.0, 7) == 7
    assert steps_within(200.0, 200.0, 100.0, 7) == 7
    assert steps_within(199.0, 200.0, 100.0, 7) == 6
    assert steps_within(90.0, 200.0, 100.0, 7) == 0


def test_a_network_that_validates_nothing_takes_its_steps():
    alone = Measured(0.5, 0.0, 100, 0, 0, 0)
    assert seconds_of(alone, 1, 10, 5, 8, 0.0) == pytest.approx(5.0)
