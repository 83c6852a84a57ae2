"""When rounds, epochs and executions begin and end."""

from hypothesis import given
from hypothesis import strategies as st

from keras_amto.schedule import executions


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
            range(first, first + epochs), steps_per_epoch, interval, longest
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
                range(epochs), steps_per_epoch, interval, **options
            )
            for i in range(execution.steps)
        }

    done = data.draw(st.integers(0, epochs * steps_per_epoch))
    whole = list(steps().items())
    assert (
        list(steps(first_step=done, stop_every=every).items()) == whole[done:]
    )


def test_no_epochs_are_no_executions():
    assert list(executions(range(3, 3), 5, 2)) == []
