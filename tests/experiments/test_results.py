"""Results on disk."""

import pytest

from keras_amto.experiments.comparison import Comparison
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
        sequential_steps=10,
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


def test_steps_side_by_side_take_the_time_of_those_in_a_row():
    assert result(seconds=8.0).parallel_seconds == 8.0
    apart = result(seconds=8.0, training_steps=40)
    assert apart.parallel_seconds == 2.0


TABLE = Comparison(
    {
        "sto": {0: result(validation_loss=0.25), 100: result(100, 0.1 + 0.2)},
        "full": {0: result()},
    }
)


def test_a_table_holds_results_that_have_no_file_of_their_own(tmp_path):
    (tmp_path / "runs.csv").write_text(TABLE.to_csv())
    assert load_results(tmp_path) == dict(TABLE)
    newer = result(0, 0.75)
    save_result(tmp_path, "sto", newer)
    assert load_results(tmp_path)["sto"] == {0: newer, 100: TABLE["sto"][100]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sto,0,0.5", "sto,0,half"),
        ("sto,0,", "sto,,"),
        ("sto,0,0.5,", "sto,0,,"),
        ("sto,0,0.5,", "sto,0,"),
        ("sto,0,0.5,", "sto,0,0.5,1,"),
        ("arm,", "way,"),
        ("full,0", "fully,0"),
        (",sequential_steps", ""),
        ("full,0,0.5", 'full,0,"0.5'),
    ],
)
def test_a_damaged_table_is_named(tmp_path, old, new):
    text = TABLE.to_csv()
    assert text.count(old) == 1
    (tmp_path / "runs.csv").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r"A result is damaged.*runs\.csv"):
        load_results(tmp_path)
