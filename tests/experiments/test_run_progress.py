"""How far a run is said to be."""

import types

import keras
import pytest

from keras_amto.experiments.run_progress import RunProgress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_time_that_is_left_follows_from_what_was_done(clock, capsys):
    progress = RunProgress(100, clock)
    progress.on_train_begin()
    clock.now = 20.0
    progress.show(10, "lowest validation loss 0.5000")
    told = capsys.readouterr().err
    assert told == (
        "step 10 of 100, at most 3 min left, lowest validation loss 0.5000\n"
    )


def test_lines_are_told_now_and_then_and_at_the_end(clock, capsys):
    progress = RunProgress(100, clock)
    progress.on_train_begin()
    for step in range(1, 101):
        clock.now += 1.0
        progress.show(step)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("step 100 of 100, at most 0 s left")


def test_steps_of_a_backup_do_not_count_as_done(clock, capsys):
    progress = RunProgress(100, clock)
    model = keras.Sequential()
    model.ledger = [types.SimpleNamespace(step=50)]
    progress.set_model(model)
    progress.on_train_begin()
    progress.on_round_begin(5)
    clock.now = 10.0
    progress.show(60)
    assert "at most 40 s left" in capsys.readouterr().err
