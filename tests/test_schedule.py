"""When rounds, epochs and executions begin and end."""

from hypothesis import given
from hypothesis import strategies as st

from keras_amto.schedule import Epochs
from keras_amto.schedule import executions


def keras_lengths(epochs, steps_per_epoch, steps_per_pass):
    """The steps of each epoch, as Keras' `EpochIterator` counts them."""
    seen = 0
    for _ in range(epochs):
        steps = min(steps_per_epoch, steps_per_pass - seen)
        seen = (seen + steps) % steps_per_pass
        yield steps


@given(
    first=st.integers(0, 3),
    number=st.integers(1, 9),
    steps_per_epoch=st.integers(1, 12),
    steps_per_pass=st.integers(1, 12),
    limit=st.one_of(st.none(), st.integers(1, 60)),
)
def test_epochs_end_with_a_pass_as_in_keras(
    first, number, steps_per_epoch, steps_per_pass, limit
):
    lengths = list(keras_lengths(number, steps_per_epoch, steps_per_pass))
    steps = [
        (first + index, batch, length - batch)
        for index, length in enumerate(lengths)
        for batch in range(length)
    ]
    epochs = Epochs(
        range(first, first + number), steps_per_epoch, steps_per_pass, limit
    )
    total = len(steps) if limit is None else min(len(steps), limit)
    assert epochs.total_steps == total
    assert epochs.is_interrupted == any(n < steps_per_epoch for n in lengths)
    assert epochs.last_number() == steps[total - 1][0] + 1
    assert [epochs.at(step) for step in range(total)] == [
        (epoch, batch, min(left, total - step))
        for step, (epoch, batch, left) in enumerate(steps[:total])
    ]


@given(
    first=st.integers(0, 3),
    epochs=st.integers(1, 4),
    steps_per_epoch=st.integers(1, 12),
    interval=st.integers(1, 15),
    longest=st.one_of(st.none(), st.integers(1, 5)),
)
def test_executions_cover_every_step_and_cut_at_rounds_and_epochs(
    first, epochs, steps_per_epoch, interval, longest
):
    schedule = list(
        executions(
            Epochs(
                range(first, first + epochs), steps_per_epoch, steps_per_epoch
            ),
            interval,
            longest,
        )
    )
    total = epochs * steps_per_epoch
    step = 0
    for execution in schedule:
        assert 1 <= execution.steps <= (longest or total)
        assert execution.starts_round == (step % interval == 0)
        assert execution.starts_epoch == (step % steps_per_epoch == 0)
        assert execution.epoch == first + step // steps_per_epoch
        assert execution.batch == step % steps_per_epoch
        # No border lies inside an execution.
        assert step // interval == (step + execution.steps - 1) // interval
        step += execution.steps
        assert execution.ends_epoch == (step % steps_per_epoch == 0)
        assert execution.ends_round == (step % interval == 0 or step == total)
        assert execution.cuts_round == (
            execution.ends_round and step % interval != 0
        )
    assert step == total


@given(
    epochs=st.integers(1, 4),
    steps_per_epoch=st.integers(1, 12),
    interval=st.integers(1, 15),
    every=st.integers(1, 9),
    data=st.data(),
)
def test_a_schedule_can_begin_at_any_step(
    epochs, steps_per_epoch, interval, every, data
):
    def steps(**options):
        return {
            (execution.epoch, execution.batch + i): (
                execution.starts_round and i == 0,
                execution.ends_round and i == execution.steps - 1,
                execution.starts_epoch and i == 0,
                execution.ends_epoch and i == execution.steps - 1,
            )
            for execution in executions(
                Epochs(range(epochs), steps_per_epoch, steps_per_epoch),
                interval,
                **options,
            )
            for i in range(execution.steps)
        }

    done = data.draw(st.integers(0, epochs * steps_per_epoch))
    whole = list(steps().items())
    assert (
        list(steps(first_step=done, stop_every=every).items()) == whole[done:]
    )


def test_no_epochs_are_no_executions():
    assert list(executions(Epochs(range(3, 3), 5, 5), 2)) == []
