"""Which samples make a batch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_amto.algorithm import random_stream
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import batches as module
from keras_amto.tasks import in_order


def as_lists(window):
    return [window[i].tolist() for i in range(len(window))]


batches_strategy = st.builds(
    TrainingBatches,
    train_indices=st.integers(1, 40).map(lambda n: np.arange(n) * 3),
    batch_size=st.integers(1, 12),
    task=st.integers(0, 3),
    seed=st.integers(0, 9),
    shuffle=st.booleans(),
)


@given(batches_strategy, st.integers(0, 20), st.integers(1, 20))
def test_a_batch_depends_on_its_step_alone(batches, start, steps):
    from_start = as_lists(batches.window(0, start + steps))
    assert as_lists(batches.window(start, start + steps)) == from_start[start:]


@given(batches_strategy, st.integers(0, 3))
def test_a_pass_holds_every_sample_once(batches, number):
    steps = batches.steps_per_pass
    window = batches.window(number * steps, (number + 1) * steps)
    assert sorted(window.order) == batches.train_indices.tolist()
    sizes = [len(batch) for batch in as_lists(window)]
    assert all(size == batches.batch_size for size in sizes[:-1])


def test_orders_differ_between_passes_tasks_and_seeds():
    def order(task=0, seed=0, number=0):
        batches = TrainingBatches(np.arange(50), 50, task, seed)
        return tuple(batches.window(number, number + 1).order)

    orders = [order(), order(task=1), order(seed=1), order(number=1)]
    assert len(set(orders)) == 4
    assert order() == orders[0]


def test_asking_step_by_step_draws_each_pass_once(monkeypatch):
    drawn = []

    def counting(*arguments):
        drawn.append(arguments)
        return random_stream(*arguments)

    monkeypatch.setattr(module, "random_stream", counting)
    batches = TrainingBatches(np.arange(50), 8, 0, 0)
    steps = 3 * batches.steps_per_pass
    one_by_one = [batches.window(s, s + 1)[0].tolist() for s in range(steps)]
    assert len(drawn) == 3
    again = TrainingBatches(np.arange(50), 8, 0, 0)
    assert as_lists(again.window(0, steps)) == one_by_one


def test_without_shuffling_the_order_is_that_of_the_data():
    batches = TrainingBatches(np.arange(5), 2, 0, 0, shuffle=False)
    assert as_lists(batches.window(0, 4)) == [[0, 1], [2, 3], [4], [0, 1]]


@given(st.integers(1, 30), st.integers(1, 30))
def test_evaluation_covers_its_samples_once_in_order(size, batch_size):
    window = in_order(np.arange(size), batch_size)
    assert window.order.tolist() == list(range(size))
    assert np.concatenate(as_lists(window)).tolist() == list(range(size))
