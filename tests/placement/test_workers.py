"""Several worker processes train what one would."""

import json
import signal
import time

import pytest

from tests.conftest import needs_tensorflow
from tests.placement import processes
from tests.placement.test_devices import outcomes

pytestmark = [needs_tensorflow, pytest.mark.slow]

RESULTS = (
    "winner", "weights", "optimizer", "ledger", "history", "finalists"
)  # fmt: skip


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    """What one process on one device comes to."""
    directory = tmp_path_factory.mktemp("one")
    return outcomes(directory, "1", "--again")["1"]


def train(count, directory, *options):
    """What a cluster comes to, when all goes well."""
    statuses, errors = processes.finish(
        processes.start(count, directory, *options)
    )
    assert statuses == [0] * count, "\n".join(errors)
    return processes.results(count, directory)


def assert_is_that_of(one, results):
    for result in results:
        assert {n: result[n] for n in RESULTS} == {n: one[n] for n in RESULTS}
    # And every task's own network, wherever it was trained.
    tasks = {k: v for result in results for k, v in result["tasks"].items()}
    assert tasks == one["tasks"]


def test_two_processes_come_to_the_very_result_of_one(tmp_path, one_process):
    """And so does a second `fit`, after another `compile`."""
    results = train(2, tmp_path, "--again")
    assert_is_that_of(one_process, results)
    assert_is_that_of(one_process["again"], [r["again"] for r in results])


def test_three_processes_do_too_and_only_the_chief_writes(
    tmp_path, one_process
):
    results = train(3, tmp_path, "--backup")
    assert_is_that_of(one_process, results)
    assert [sorted(result["tasks"]) for result in results] == [
        ["0", "3"], ["1"], ["2"]
    ]  # fmt: skip
    assert (tmp_path / "best.keras").exists()
    assert len(list((tmp_path / "logs" / "train").iterdir())) == 1
    # One log, of one writer; besides it every process' own backups.
    epochs = (tmp_path / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in epochs] == ["epoch", "0", "1", "2"]
    ledgers = [
        (tmp_path / "backup" / folder / "ledger.jsonl").read_text()
        for folder in ("", "worker-1", "worker-2")
    ]
    assert ledgers[0].splitlines() == one_process["ledger"]
    assert ledgers[0] == ledgers[1] == ledgers[2]


def test_only_chosen_donors_travel(tmp_path):
    """Bytes over loopback, with all that TensorFlow sends beside."""
    one, two = train(2, tmp_path, "--big", "--epochs", "4")
    assert one["ledger"] == two["ledger"]
    worker = {}
    for rank, result in enumerate((one, two)):
        worker |= dict.fromkeys(map(int, result["tasks"]), rank)
    state, few = one["state"], 0
    assert state > 2e6
    for line, sent in zip(one["ledger"], one["bytes"], strict=True):
        donors = json.loads(line)["donors"]
        moves = sum(worker[m] != worker[d] for m, d in enumerate(donors))
        print(f"{moves} donors elsewhere: {sent / 1e6:.3f} MB")
        assert sent <= 2 * moves * state + 1e6
        few += moves < len(donors)
    assert few  # rounds in which sending every state would be noticed
    assert sum(one["bytes"]) > state  # it does measure


def test_processes_of_other_seeds_and_weights_follow_the_chief(tmp_path):
    """And where one of them stops training, all do."""
    one, two = train(2, tmp_path, "--in-scope", "--no-seed", "--stop-at", "1:2")
    assert_is_that_of(one | {"tasks": one["tasks"] | two["tasks"]}, [one, two])
    assert one["rounds"] == 3


def test_an_error_in_one_process_ends_all(tmp_path):
    statuses, errors = processes.finish(
        processes.start(2, tmp_path, "--raise-at", "1:1", "--epochs", "9999")
    )
    assert statuses == [1, 1]
    assert "Worker 1 (127.0.0.1:" in errors[0]
    assert "it stopped with ArithmeticError: enough of this" in errors[0]


def test_processes_that_do_not_do_the_same_are_refused(tmp_path):
    statuses, errors = processes.finish(
        processes.start(2, tmp_path, "--other-data", "1")
    )
    assert statuses == [1, 1]
    for error in errors:
        assert "The worker processes differ in `data_size`" in error
        assert "Received: data_size=149 in worker 1" in error


def rounds(directory, rank):
    path = directory / f"round-{rank}"
    text = path.read_text() if path.exists() else ""
    return int(text or -1) + 1


def test_a_killed_process_ends_the_other_and_both_continue(
    tmp_path, one_process
):
    started = processes.start(2, tmp_path, "--backup", "--slow", "0.2")
    while rounds(tmp_path, 1) < 3:
        assert all(process.poll() is None for process in started)
        time.sleep(0.01)
    time.sleep(0.25)  # into a round
    started[1].kill()
    begin = time.monotonic()
    statuses, errors = processes.finish(started)
    assert time.monotonic() - begin < 60
    assert statuses == [1, -signal.SIGKILL]
    assert "LostWorkerError: Worker 1 (127.0.0.1:" in errors[0]
    assert rounds(tmp_path, 0) < len(one_process["ledger"])  # not at the end
    results = train(2, tmp_path, "--backup")
    assert_is_that_of(one_process, results)


def backups(directory, rank):
    folder = directory / "backup" / (f"worker-{rank}" if rank else "")
    return {path.name for path in folder.glob("*.backup")}


def test_where_one_disk_is_slow_all_always_have_a_backup_in_common(
    tmp_path, one_process
):
    started = processes.start(2, tmp_path, "--backup", "--slow-disk", "1")
    looks = []
    while len(looks) < 40 and started[0].poll() is None:
        # The slow one first: what it then has, the other still has.
        slow, fast = backups(tmp_path, 1), backups(tmp_path, 0)
        if slow:
            looks.append((sorted(slow), sorted(fast), bool(slow & fast)))
        time.sleep(0.1)
    for process in started:
        process.kill()
    processes.finish(started)
    assert len({newest for (*_, newest), *_ in looks}) > 2  # it saw several
    assert all(common for *_, common in looks), looks
    results = train(2, tmp_path, "--backup")
    assert_is_that_of(one_process, results)


def test_sigterm_to_one_process_backs_up_all(tmp_path, one_process):
    started = processes.start(2, tmp_path, "--backup", "--slow", "0.2")
    while rounds(tmp_path, 0) < 1:
        assert all(process.poll() is None for process in started)
        time.sleep(0.01)
    started[1].send_signal(signal.SIGTERM)
    statuses, errors = processes.finish(started)
    assert statuses == [128 + signal.SIGTERM] * 2
    assert all("SIGTERM: training is backed up" in error for error in errors)
    newest = [
        max(path.name for path in (tmp_path / folder).glob("*.backup"))
        for folder in ("backup", "backup/worker-1")
    ]
    assert newest[0] == newest[1]
