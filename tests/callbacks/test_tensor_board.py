"""What TensorBoard shows of a run."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.callbacks.callback_set import read_callbacks
from keras_amto.callbacks.tensor_board_rounds import picture
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp


def fitted(callbacks, num_tasks=4, epochs=2):
    x, y = digits(200)
    model = keras_amto.AMTOModel(
        mlp(), num_tasks=num_tasks, transfer_interval=3, seed=0
    )
    compiled(model).fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks)
    return model


def events(log_dir):
    """What a run wrote: by tag, pairs of a step and a value."""
    from tensorboard.backend.event_processing import event_file_loader
    from tensorboard.util import tensor_util

    found = {}
    for path in sorted(pathlib.Path(log_dir).glob("events.*")):
        loader = event_file_loader.EventFileLoader(str(path))
        for event in loader.Load():
            for value in event.summary.value:
                array = tensor_util.make_ndarray(value.tensor)
                found.setdefault(value.tag, []).append((event.step, array))
    return found


@needs_tensorflow
def test_the_stock_callback_shows_rounds_against_the_training_step(tmp_path):
    model = fitted([keras.callbacks.TensorBoard(tmp_path)])
    found = events(tmp_path / "rounds")
    steps = [record.step for record in model.ledger]
    assert steps == [3, 6, 9, 12]
    tasks = [f"task_{task:02d}/val_loss" for task in range(4)]
    assert {*tasks, "acceptance", "entropy", "relationships"} <= set(found)
    for name, values in found.items():
        assert [step for step, _ in values] == steps, name
    for task, name in enumerate(tasks):
        kept = [
            (r.shadow_losses if r.accepted[task] else r.master_losses)[task]
            for r in model.ledger
        ]
        np.testing.assert_allclose([v for _, v in found[name]], kept, 1e-6)
    np.testing.assert_allclose(
        [value for _, value in found["acceptance"]],
        [record.accepted.mean() for record in model.ledger],
    )
    # The first round draws uniformly among three donors.
    np.testing.assert_allclose(found["entropy"][0][1], np.log2(3), 1e-6)
    width, height, png = found["relationships"][0][1][:3]
    assert (width, height) == (b"64", b"64")
    assert png.startswith(b"\x89PNG")


@needs_tensorflow
def test_one_task_has_a_loss_and_nothing_to_transfer(tmp_path):
    fitted([keras.callbacks.TensorBoard(tmp_path)], num_tasks=1)
    assert set(events(tmp_path / "rounds")) == {"task_00/val_loss"}


@needs_tensorflow
def test_what_keras_writes_stays_as_it_is(tmp_path):
    fitted([keras.callbacks.TensorBoard(tmp_path)])
    assert "epoch_loss" in events(tmp_path / "train")
    assert "epoch_loss" in events(tmp_path / "validation")
    assert "task_00/val_loss" not in events(tmp_path / "train")


@needs_tensorflow
def test_two_callbacks_write_to_two_directories(tmp_path):
    fitted(
        [keras.callbacks.TensorBoard(tmp_path / name) for name in ("a", "b")]
    )
    assert events(tmp_path / "a" / "rounds")
    assert events(tmp_path / "b" / "rounds")


def test_without_the_stock_callback_nobody_follows_rounds():
    callback_list = read_callbacks(
        [keras.callbacks.Callback()], verbose=0
    ).as_list(verbose=0, model=keras.Model(), epochs=1, steps=1)
    kinds = [type(each).__name__ for each in callback_list.callbacks]
    assert kinds == ["AMTOCallback", "Callback", "History"]


def test_following_rounds_needs_no_tensorflow_until_a_run_begins():
    code = (
        "import sys, keras_amto.callbacks.tensor_board_rounds as t; "
        "t.TensorBoardRounds('logs'); print('tensorflow' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
    )
    assert process.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("matrix", "corners"),
    [
        ([[0.0, 3.0], [-1.0, 0.0]], (0.25, 1.0, 0.0)),
        ([[0.0, 0.0], [0.0, 0.0]], (0.5, 0.5, 0.5)),
    ],
)
def test_the_picture_is_lightest_where_the_relationship_is_best(
    matrix, corners
):
    image = picture(np.array(matrix))
    assert image.shape == (1, 32, 32, 1)
    found = image[0, 0, 0, 0], image[0, 0, -1, 0], image[0, -1, 0, 0]
    assert found == corners
