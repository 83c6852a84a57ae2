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
    assert step == total


def test_no_epochs_are_no_executions():
    assert list(executions(range(3, 3), 5, 2)) == []
