"""An interrupted run ends with the very result of an uninterrupted one."""

import atexit
import dataclasses
import functools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.backup import BackupStore
from keras_amto.callbacks.stock import states_of
from keras_amto.fit import events
from keras_amto.fit.events import KerasEvents
from keras_amto.fit.fitting import RECORDS
from tests.backup import training
from tests.conftest import ROOT
from tests.conftest import needs_fast_engine
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = [needs_fast_engine, pytest.mark.usefixtures("engines_once")]

EPOCHS = 6
STEPS = 12  # of an epoch


@functools.cache
def straight(epochs=EPOCHS):
    """The result of a run that nobody interrupts, without backups."""
    return training.result(*training.train(None, backup=False, epochs=epochs))


class Killed(BaseException):
    """What cuts a run short within one process."""


class KillAt(keras.callbacks.Callback):
    """Cuts a run short as a step or an epoch ends."""

    def __init__(self, step=None, epoch=None):
        super().__init__()
        self.step, self.epoch, self.seen = step, epoch, 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.step:
            raise Killed

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


def fit(
    directory,
    save_freq="round",
    kill=None,
    epochs=EPOCHS,
    extra=(),
    answer="winner",
    model=None,
    **options,
):
    model = model or training.make_model()
    callbacks = training.make_callbacks(answer)
    x, y = digits(400)
    extra = [
        keras_amto.PopulationBackup(directory, save_freq, **options),
        *extra,
    ]
    if kill is not None:
        extra.append(kill)
    model.fit(
        x,
        y,
        batch_size=32,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks + extra,
    )
    return training.result(model, callbacks)


def visible(directory):
    """The names of files but that of the lock, which stays."""
    return [p.name for p in directory.iterdir() if p.name[0] != "."]


def test_these_runs_are_of_the_backends_own_engine():
    model = training.make_model()
    assert model._carried.engine_name == keras.config.backend()


@pytest.mark.parametrize(
    ("save_freq", "kill"),
    [
        ("round", {"step": 1}),
        ("round", {"step": 23}),
        ("round", {"epoch": 3}),
        (1, {"step": 38}),
        (7, {"step": 38}),
        ("epoch", {"step": 5}),
        ("epoch", {"step": 38}),
    ],
)
def test_a_run_continues_exactly(tmp_path, save_freq, kill):
    with pytest.raises(Killed):
        fit(tmp_path, save_freq, KillAt(**kill))
    assert fit(tmp_path, save_freq) == straight()


def test_a_run_continues_exactly_after_many_interruptions(tmp_path):
    for steps in (9, 14, 3):
        with pytest.raises(Killed):
            fit(tmp_path, 1, KillAt(step=steps))
    assert fit(tmp_path) == straight()


def test_the_model_that_was_interrupted_continues_exactly(tmp_path):
    """As in a notebook, where a cell is run again."""
    model = training.make_model()
    for step in (9, 54):
        with pytest.raises(Killed):
            fit(tmp_path, kill=KillAt(step), model=model)
        model.optimizer.learning_rate = 0.003  # as a callback may leave it
    assert fit(tmp_path, model=model) == straight()


def test_a_model_compiled_with_another_rate_since_is_refused(tmp_path):
    model = training.make_model()
    with pytest.raises(Killed):
        fit(tmp_path, kill=KillAt(30), model=model)
    for rate, outcome in ((0.02, "another `optimizer`"), (0.01, None)):
        model.compile(
            keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=training.JIT_COMPILE,
        )
        if outcome is None:
            assert fit(tmp_path, model=model) == straight()
            continue
        with pytest.raises(ValueError, match=outcome):
            fit(tmp_path, model=model)


def test_a_second_fit_that_was_interrupted_continues_exactly(tmp_path):
    def twice(kill):
        model = training.make_model()
        x, y = digits(400)
        model.fit(x, y, batch_size=32, epochs=2, verbose=0)
        if kill is not None:
            with pytest.raises(Killed):
                fit(tmp_path, kill=kill, model=model)
        return fit(tmp_path, model=model)

    assert twice(KillAt(30)) == twice(None)


def test_without_its_backup_an_interrupted_fit_is_a_first_one(tmp_path):
    model = training.make_model()
    with pytest.raises(Killed):
        fit(tmp_path / "1", kill=KillAt(30), model=model)
    assert model._carried.run.step == 25  # the last round that ended
    fit(tmp_path / "2", epochs=1, model=model)
    assert model._carried.run.step == 25 + STEPS


def test_backups_can_follow_epochs(tmp_path):
    fit(tmp_path, "epoch", epochs=5, delete_checkpoint=False, keep=9)
    steps = [int(path.stem) for path in tmp_path.glob("*.backup")]
    assert sorted(steps) == [STEPS * (epoch + 1) for epoch in range(5)]


@pytest.mark.parametrize("epochs", [3, EPOCHS])
@pytest.mark.parametrize("save_freq", ["round", "epoch", 3 * STEPS, 4])
def test_a_run_that_is_made_longer_is_that_which_was_longer_at_once(
    tmp_path, save_freq, epochs
):
    """And where it is not made longer, its last round is cut short again."""
    shutil.copytree(three_epochs(save_freq), tmp_path, dirs_exist_ok=True)
    assert fit(tmp_path, save_freq, epochs=epochs) == straight(epochs)


@functools.cache
def three_epochs(save_freq):
    """A directory of backups that nobody has removed."""
    directory = pathlib.Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    first = fit(directory, save_freq, epochs=3, delete_checkpoint=False)
    assert first == straight(3)
    steps = [json.loads(line)["step"] for line in first["ledger"]]
    assert 0 < steps[-1] - steps[-2] < 5
    return directory


ENDS = {}  # of runs that nobody kills, by patience and epochs


class KillAtEnd(keras.callbacks.Callback):
    """Cuts a run short when its winner is chosen."""

    def on_train_end(self, logs=None):
        raise Killed


@pytest.mark.parametrize("choosing", [True, False])
@pytest.mark.parametrize(("patience", "epochs"), [(1, 5), (99, 5), (99, 4)])
def test_a_run_that_is_killed_as_it_ends_comes_to_the_same(
    tmp_path, monkeypatch, patience, epochs, choosing
):
    """By patience, as a round ends, and inside a round."""

    def train(*extra):
        model = training.make_model()
        stop = keras_amto.AMTOCallback(patience, min_delta=0.1)
        callbacks = [stop, *training.make_callbacks()[1:]]
        x, y = digits(400)
        model.fit(x, y, batch_size=32, epochs=epochs, verbose=0,
                  callbacks=[*callbacks, *extra])  # fmt: skip
        return training.result(model, callbacks) | {
            "stopped round": stop.stopped_round,
            "stops": model.stop_training,
            "early": callbacks[2].best,
        }

    def kill(*args):
        raise Killed

    # How it is killed has no part in it.
    expected = ENDS.get((patience, epochs)) or train()
    ENDS[patience, epochs] = expected
    assert expected["stops"] == (patience == 1)
    backup = keras_amto.PopulationBackup(tmp_path)
    with monkeypatch.context() as context, pytest.raises(Killed):
        if choosing:
            context.setattr(events, "make_answers", kill)
        train(backup, KillAtEnd())
    assert train(backup) == expected


class Terminate(keras.callbacks.Callback):
    """Sends SIGTERM to this process as an epoch ends."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("epochs", [3, EPOCHS])
def test_sigterm_as_a_run_ends_loses_no_more_than_its_last_execution(
    tmp_path, epochs
):
    with pytest.raises(SystemExit):
        fit(tmp_path, 10**6, epochs=3, extra=[Terminate()])
    (path,) = tmp_path.glob("*.backup")
    assert 2 * STEPS <= int(path.stem) < 3 * STEPS
    assert fit(tmp_path, epochs=epochs) == straight(epochs)


def test_a_run_that_is_made_shorter_than_its_backup_is_refused(tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, kill=KillAt(epoch=3))
    with pytest.raises(ValueError, match=r"Received: epochs=2[\s\S]*Expected"):
        fit(tmp_path, epochs=2)
    assert fit(tmp_path) == straight()


class Diverge(keras.callbacks.Callback):
    """Makes all tasks diverge, and looks at what the model then shows."""

    def __init__(self, kill):
        super().__init__()
        self.kill = kill
        self.shown = {}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.optimizer.learning_rate = 1e30

    def on_epoch_end(self, epoch, logs=None):
        self.shown[epoch] = self.model.get_weights()
        if self.kill and epoch == 2:
            raise Killed


def test_where_all_have_diverged_a_resumed_run_shows_its_last_champion(
    tmp_path,
):
    def fit(callback):
        keras.utils.set_random_seed(0)
        model = compiled(keras_amto.AMTOModel(mlp(), 2, 1000, seed=0))
        x, y = digits(100)
        backup = keras_amto.PopulationBackup(tmp_path, "epoch")
        model.fit(
            x,
            y,
            batch_size=16,
            epochs=4,
            verbose=0,
            validation_freq=[1, 2],
            callbacks=[backup, callback],
        )

    straight, resumed = Diverge(kill=True), Diverge(kill=False)
    with pytest.raises(Killed):
        fit(straight)
    with pytest.raises(RuntimeError, match="have diverged"):
        fit(resumed)
    expected = straight.shown[0]
    assert all(np.isfinite(weights).all() for weights in expected)
    last = resumed.model.get_weights()
    for shown in (straight.shown[2], resumed.shown[2], last):
        for one, other in zip(expected, shown, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_portable_engine_continues_exactly(tmp_path, monkeypatch):
    make = training.make_model
    monkeypatch.setattr(
        training, "make_model", lambda **kw: make(engine="portable", **kw)
    )
    expected = training.result(*training.train(None, backup=False, epochs=2))
    with pytest.raises(Killed):
        fit(tmp_path, 1, KillAt(step=14), epochs=2)
    assert fit(tmp_path, epochs=2) == expected


@functools.cache
def straight_average(epochs, transfer="replace"):
    options = dict(answer="average", transfer=transfer)
    return training.result(
        *training.train(None, backup=False, epochs=epochs, **options)
    )


@pytest.mark.parametrize("step", [14, 63])
def test_a_run_that_merges_and_averages_continues_exactly(
    tmp_path, monkeypatch, step
):
    """Before and after the part of training that is averaged begins."""
    expected = straight_average(EPOCHS, "merge")
    make = training.make_model
    monkeypatch.setattr(
        training, "make_model", lambda **kw: make(transfer="merge", **kw)
    )
    with pytest.raises(Killed):
        fit(tmp_path, 1, KillAt(step=step), answer="average")
    assert fit(tmp_path, answer="average") == expected


def test_an_average_that_has_not_begun_is_that_of_the_longer_run(tmp_path):
    """Or that has begun, and would not have in the longer run."""
    for epochs, kill in ((4, KillAt(epoch=1)), (5, KillAt(epoch=3))):
        with pytest.raises(Killed):
            fit(tmp_path, "round", kill, epochs=epochs, answer="average")
    assert fit(tmp_path, epochs=8, answer="average") == straight_average(8)


def test_an_average_that_began_too_early_for_a_longer_run_is_refused(tmp_path):
    fit(tmp_path, epochs=6, answer="average", delete_checkpoint=False)
    with pytest.raises(ValueError, match=r"not that of so many epochs"):
        fit(tmp_path, epochs=7, answer="average")


def test_an_average_that_would_begin_before_the_backup_is_refused(tmp_path):
    """Its first rounds have ended, and were not averaged."""
    with pytest.raises(Killed):
        fit(tmp_path, 1, KillAt(step=28), epochs=9, answer="average")
    with pytest.raises(ValueError, match=r"not that of so many epochs"):
        fit(tmp_path, epochs=3, answer="average")


def test_a_completed_fit_removes_its_backups_and_keeps_the_ledger(tmp_path):
    result = fit(tmp_path)
    assert visible(tmp_path) == ["ledger.jsonl"]
    path = tmp_path / "ledger.jsonl"
    assert path.read_text().splitlines() == result["ledger"]
    again = keras_amto.ledger.replay(path)
    last = keras_amto.Ledger.load(path)[-1]
    np.testing.assert_array_equal(again.relationships, last.relationships)
    np.testing.assert_array_equal(again.patience.wait, last.wait)


def test_after_a_kill_at_most_the_rounds_since_the_last_backup_are_lost(
    tmp_path,
):
    with pytest.raises(Killed):
        fit(tmp_path, kill=KillAt(step=23))
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
    newest = sorted(tmp_path.glob("*.backup"))
    assert len(newest) == 2
    assert int(newest[-1].name.split(".")[0]) >= 15
    assert lines == straight()["ledger"][: len(lines)]


def test_a_sigterm_at_any_moment_of_an_execution_is_not_lost(
    tmp_path, monkeypatch
):
    stops, calls = KerasEvents.stops, []

    def stopping(events):
        result = stops(events)
        calls.append(result)
        if len(calls) == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(KerasEvents, "stops", stopping)
    with pytest.raises(SystemExit) as raised:
        fit(tmp_path, save_freq=10**6)
    assert raised.value.code == 128 + signal.SIGTERM
    assert len(list(tmp_path.glob("*.backup"))) == 1
    assert fit(tmp_path) == straight()


def test_a_callbacks_state_is_that_of_the_moment_it_is_taken():
    """It is written while training goes on."""
    counter = training.Counter()
    taken = states_of([counter])
    counter.on_epoch_end(0, {"loss": 1.0})
    assert taken == {"0 Counter": {"epochs": []}}


# The test of the test: whatever is left out of a backup is missed


@pytest.fixture(scope="module")
def backup(tmp_path_factory):
    """A backup from the middle of an epoch and of a round."""
    directory = tmp_path_factory.mktemp("backup")
    with pytest.raises(Killed):
        fit(directory, 1, KillAt(step=45))
    return directory


def leaves(value, path=()):
    """The plain values in a record, each with its way there."""
    if dataclasses.is_dataclass(value):
        items = [
            (f.name, getattr(value, f.name)) for f in dataclasses.fields(value)
        ]
    elif hasattr(value, "_fields"):
        items = value._asdict().items()
    elif isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        yield path, value
        return
    for name, item in items:
        yield from leaves(item, (*path, name))


def facts(value):
    """What a record holds, which can be compared bit for bit."""
    found = {}
    for path, leaf in leaves(value):
        array = np.asarray(leaf)
        found[path] = (array.dtype.str, array.shape, array.tobytes())
        if array.dtype == object:
            found[path] = leaf
    return found


def spoiled(value, path):
    """A record in which one leaf is another."""
    if not path:
        if value is None:
            return 0.5
        if isinstance(value, str | bytes):
            return value + value[:1]
        return np.logical_not(value) if np.asarray(value).dtype == bool else (
            value + np.asarray(value).dtype.type(1)
        )  # fmt: skip
    name, *rest = path
    if isinstance(value, dict):
        return value | {name: spoiled(value[name], rest)}
    if isinstance(name, int):
        items = list(value)
        items[name] = spoiled(items[name], rest)
        return type(value)(items)
    item = spoiled(getattr(value, name), rest)
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **{name: item})
    return value._replace(**{name: item})


def test_a_restored_run_is_made_of_what_was_saved(backup, monkeypatch):
    """And not of anything else: every leaf of every field counts."""
    saved = BackupStore(backup, records=RECORDS).read_newest()["fit"]
    expected = facts(saved)
    # One leaf of each field, however deep, stands for all of them.
    kinds = {
        tuple(name for name in path if isinstance(name, str)): path
        for path in expected
    }
    assert len(kinds) > 60
    unnoticed = []

    def spying(events, state):
        for path in [None, *kinds.values()]:
            try:
                given = state if path is None else spoiled(state, path)
            except ValueError:
                continue  # a record that contradicts itself cannot be made
            run = restore(events, given)
            found = facts(events.capture(run))
            if (found == expected) != (path is None):
                unnoticed.append(path)
        raise Killed

    restore = KerasEvents.restore
    monkeypatch.setattr(KerasEvents, "restore", spying)
    with pytest.raises(Killed):
        fit(backup, 1)
    assert unnoticed == []


def test_a_backup_is_written_by_walking_its_fields(tmp_path, monkeypatch):
    """A field that somebody adds is in it, without a line of code."""

    @dataclasses.dataclass(frozen=True)
    class RunState(RECORDS[1]):
        news: object = None

    store = BackupStore(tmp_path, records=(*RECORDS[2:], RunState))
    names = {field.name: None for field in dataclasses.fields(RunState)}
    value = RunState(**names | {"news": np.arange(3)})
    store.write(0, value)
    np.testing.assert_array_equal(store.read_newest().news, [0, 1, 2])


# Real processes, really killed


def start(directory, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.backup.training", str(directory),
         *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def kill_until_done(directory, kills, seed, *options):
    """Kills a training process at random instants, restarting it each time.

    Returns:
        How often it was killed.
    """
    generator = random.Random(seed)
    ledger = directory / "backup" / "ledger.jsonl"
    killed = 0
    while not (directory / "result.json").exists():
        before = ledger.read_text() if ledger.exists() else None
        process = start(directory, *options)
        if killed < kills:
            while process.poll() is None and (
                not ledger.exists() or ledger.read_text() == before
            ):
                time.sleep(0.005)
            # From here it trains; a fourth of the kills come at once.
            time.sleep(max(0.0, generator.uniform(-0.2, 0.6)))
            if process.poll() is None:
                process.kill()
                killed += 1
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return killed


@functools.cache
def straight_process(*options):
    """The result of a process that nobody interrupts."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        process = start(directory, "--no-backup", *options)
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
        return json.loads((directory / "result.json").read_text())


KILLS = int(os.environ.get("KERAS_AMTO_KILLS", "3"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("save_freq", "options"),
    [("round", ()), ("4", ()), ("4", ("--merge",))],
    ids=["round", "4", "merge"],
)
def test_killed_processes_end_with_the_uninterrupted_result(
    tmp_path_factory, save_freq, options
):
    expected = straight_process(*options)
    killed = 0
    run = 0
    while killed < KILLS:
        directory = tmp_path_factory.mktemp("killed")
        killed += kill_until_done(
            directory, KILLS - killed, run, "--save-freq", save_freq, *options
        )
        outcome = json.loads((directory / "result.json").read_text())
        assert outcome == expected
        run += 1
    print(f"{killed} kills in {run} runs")


@pytest.mark.slow
def test_sigterm_backs_up_and_leaves_with_the_conventional_status(tmp_path):
    process = start(tmp_path, "--save-freq", "1000000")
    ledger = tmp_path / "backup" / "ledger.jsonl"
    while process.poll() is None and (
        not ledger.exists() or not ledger.read_text()
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert b"SIGTERM: training is backed up" in errors
    assert len(list((tmp_path / "backup").glob("*.backup"))) == 1
    process = start(tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    found = json.loads((tmp_path / "result.json").read_text())
    assert found == straight_process()
