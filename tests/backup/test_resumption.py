"""An interrupted run ends with the very result of an uninterrupted one."""

import copy
import dataclasses
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from keras_amto.fitting import Fitting

import keras_amto
from keras_amto import running
from keras_amto.algorithm import initial_patience
from keras_amto.backup import BackupStore
from keras_amto.backup import encode
from keras_amto.backup import keeper as keeper_module
from keras_amto.backup import run_state
from keras_amto.callbacks.states import states_of
from keras_amto.engines import Engine
from tests.backup import training
from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import mlp

pytestmark = needs_tensorflow

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
    directory, save_freq="round", kill=None, epochs=EPOCHS, extra=(), **options
):
    model, callbacks = training.make_model(), training.make_callbacks()
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
    first = fit(tmp_path, save_freq, epochs=3, delete_checkpoint=False)
    assert first == straight(3)
    steps = [json.loads(line)["step"] for line in first["ledger"]]
    assert 0 < steps[-1] - steps[-2] < 5
    assert fit(tmp_path, save_freq, epochs=epochs) == straight(epochs)


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

    expected = train()
    assert expected["stops"] == (patience == 1)
    backup = keras_amto.PopulationBackup(tmp_path)
    with monkeypatch.context() as context, pytest.raises(Killed):
        if choosing:
            context.setattr(running, "select_winner", kill)
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


def test_a_completed_fit_removes_its_backups_and_keeps_the_ledger(tmp_path):
    result = fit(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.jsonl"]
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


def test_a_sigterm_that_comes_while_flags_are_exchanged_is_not_lost(
    tmp_path, monkeypatch
):
    exchange, calls = Engine.any_of, []

    def exchanging(engine, flags):
        result = exchange(engine, flags)
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            calls.append(flags)
        if len(calls) == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(Engine, "any_of", exchanging)
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


def test_processes_agree_once_an_execution(tmp_path, monkeypatch):
    exchange, train, calls = Engine.any_of, Fitting._train, []

    def exchanging(engine, flags):
        calls.append("agree")
        return exchange(engine, flags)

    def training(fitting, execution):
        calls.append("train")
        return train(fitting, execution)

    monkeypatch.setattr(Engine, "any_of", exchanging)
    monkeypatch.setattr(Fitting, "_train", training)
    fit(tmp_path, 1, epochs=1)
    executions = calls[calls.index("train") :]
    assert len(executions) > 10
    assert executions == ["train", "agree"] * (len(executions) // 2) + ["agree"]


# The test of the test


def restored(directory, monkeypatch, damage=lambda state: state):
    """What a run is made of just after it was restored, and in the backup.

    Args:
        damage: Changes what was read from the backup.
    """
    saved = BackupStore(directory).read_newest()["run"]
    found = []
    read, restore = keeper_module.from_value, Fitting.restore

    def spying(fitting, state):
        restore(fitting, state)
        engine = fitting._engine
        found.append(run_state.to_value(fitting._capture(), engine))
        raise Killed

    monkeypatch.setattr(
        keeper_module, "from_value", lambda *args: damage(read(*args))
    )
    monkeypatch.setattr(Fitting, "restore", spying)
    with pytest.raises(Killed):
        fit(directory, 1)
    (value,) = found
    return content(value), content(saved)


def content(value):
    """The bytes of a value, whatever of it is one object."""
    return b"".join(encode(copy.deepcopy(value, _Copies())))


class _Copies(dict):
    """A memory of copies that remembers none: each is made anew."""

    def get(self, key, default=None):
        return default


@pytest.fixture(scope="module")
def backup(tmp_path_factory):
    """A backup from the middle of an epoch and of a round."""
    directory = tmp_path_factory.mktemp("backup")
    with pytest.raises(Killed):
        fit(directory, 1, KillAt(step=45))
    return directory


def test_a_restored_run_is_made_of_what_was_saved(backup, monkeypatch):
    found, saved = restored(backup, monkeypatch)
    assert found == saved


def without(state, item):
    """The state as it would be had an item not been saved."""
    now = state.now
    fresh = {
        "best": now.masters[:1] * 3,
        "patience": initial_patience(3),
        "losses": np.full(3, np.nan),
        "transfers": state.transfers + 1,
        "logs": None,
        "records": (),
        "shown": tuple(np.zeros_like(array) for array in state.shown),
        "learning_rate": 0.5,
        "history": {"epoch": [], "history": {}},
        "trial": None,
        "round_is_open": False,
        "last_round": dataclasses.replace(
            state.last_round, masters=state.last_round.masters[:1] * 3
        ),
    }
    if item == "losses.known":
        return dataclasses.replace(state, losses=None)
    if item in fresh:
        return dataclasses.replace(state, **{item: fresh[item]})
    if item.startswith("callbacks"):
        name = item.partition(".")[2]
        kept = {k: {**v} for k, v in state.callbacks.items()}
        for key in kept[name]:
            kept[name][key] = 12345
        return dataclasses.replace(state, callbacks=kept)
    one, other = now.masters[0], now.masters[1]
    states = now.states
    changes = {
        "now.weights": {
            "masters": (one._replace(weights=other.weights), *now.masters[1:])
        },
        "now.optimizer": {
            "masters": (
                one._replace(optimizer=other.optimizer),
                *now.masters[1:],
            )
        },
        "now.seeds": {
            "states": (
                states[0]._replace(seeds=states[1].seeds),
                *states[1:],
            )
        },
        "now.metrics": {
            "states": (
                states[0]._replace(metrics=states[1].metrics),
                *states[1:],
            )
        },
        "now.relationships": {"relationships": 0 * now.relationships},
        "now.step": {"step": 0},
        "now.round": {"round": 0},
    }[item]
    return dataclasses.replace(state, now=dataclasses.replace(now, **changes))


ITEMS = [
    *(field.name for field in dataclasses.fields(run_state.RunState)),
    "losses.known",
    "now.weights",
    "now.optimizer",
    "now.seeds",
    "now.metrics",
    "now.relationships",
    "now.step",
    "now.round",
    "callbacks.0 ReduceLROnPlateau",
    "callbacks.1 EarlyStopping",
    "callbacks.2 Counter",
]


@pytest.mark.parametrize(
    "item", [i for i in ITEMS if i not in ("now", "callbacks")]
)
def test_dropping_any_item_makes_the_equality_fail(backup, monkeypatch, item):
    found, saved = restored(
        backup, monkeypatch, lambda state: without(state, item)
    )
    assert found != saved


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
def straight_process(directory):
    process = start(directory, "--no-backup")
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads((directory / "result.json").read_text())


KILLS = int(os.environ.get("KERAS_AMTO_KILLS", "3"))


@pytest.mark.slow
@pytest.mark.parametrize("save_freq", ["round", "4"])
def test_killed_processes_end_with_the_uninterrupted_result(
    tmp_path_factory, save_freq
):
    expected = straight_process(tmp_path_factory.getbasetemp())
    killed = 0
    run = 0
    while killed < KILLS:
        directory = tmp_path_factory.mktemp("killed")
        killed += kill_until_done(
            directory, KILLS - killed, run, "--save-freq", save_freq
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
    assert json.loads(
        (tmp_path / "result.json").read_text()
    ) == straight_process(tmp_path.parent)
