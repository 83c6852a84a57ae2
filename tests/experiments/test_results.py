"""Results on disk."""

import pytest

from keras_amto.experiments.results import Result
from keras_amto.experiments.results import load_results
from keras_amto.experiments.results import save_result
from keras_amto.experiments.results import write_whole


def result(seed=0, accuracy=0.5, **changes):
    values = dict(
        seed=seed,
        test_accuracy=accuracy,
        test_loss=1.0,
        validation_accuracy=None,
        validation_loss=None,
        training_steps=10,
        seconds=2.0,
    )
    return Result(**(values | changes))


def test_a_result_is_whole_or_absent(tmp_path):
    assert load_results(tmp_path) == {}
    kept = result(3, 0.1 + 0.2, validation_loss=0.25)
    save_result(tmp_path, "sto", result(11))
    save_result(tmp_path, "sto", kept)
    found = load_results(tmp_path)
    assert found == {"sto": {3: kept, 11: result(11)}}
    assert list(found["sto"]) == [3, 11]
    assert [path.suffix for path in (tmp_path / "runs").iterdir()] == [
        ".json",
        ".json",
    ]


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_damaged_result_is_named(tmp_path):
    save_result(tmp_path, "sto", result())
    (path,) = (tmp_path / "runs").iterdir()
    path.write_text('{"seed": 0')
    with pytest.raises(ValueError, match=r"sto-seed_0\.json"):
        load_results(tmp_path)
