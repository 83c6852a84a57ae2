"""Several machines change nothing, and neither does the loss of some."""

import http.server
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from tests.conftest import ROOT
from tests.conftest import needs_tensorflow
from tests.placement.machines import SERVE
from tests.placement.machines import free_port
from tests.placement.machines import machines
from tests.placement.machines import wait_until

pytestmark = needs_tensorflow


def begin(path, scenario, number=1, *more, **environment):
    """Starts a controller."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.placement.controller", str(path),
         scenario, str(number), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )  # fmt: skip


def control(tmp_path, *arguments):
    """What a controller has come to."""
    path = tmp_path / "outcomes.json"
    process = begin(path, *arguments)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The run on one device of one machine."""
    path = tmp_path_factory.mktemp("straight") / "one.json"
    process = subprocess.run(
        [sys.executable, "-m", "tests.placement.training", str(path), "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(path.read_text())["1"]
    del result["jit"]
    return result


def without(outcome, *names):
    return {k: v for k, v in outcome.items() if k not in names}


@pytest.mark.parametrize("servers", [2, 3])
def test_machines_change_no_bit(tmp_path, straight, servers):
    (outcome,) = control(tmp_path, "equal", servers)
    assert without(outcome, "placement") == straight
    for server in range(servers):
        assert f"/task:{server}/" in outcome["placement"]


def test_merged_networks_and_their_average_change_no_bit(tmp_path):
    """Also where a server is killed and the other goes on."""
    path = tmp_path / "one.json"
    subprocess.run(
        [sys.executable, "-m", "tests.placement.training", str(path), "1",
         "--merge"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )  # fmt: skip
    expected = json.loads(path.read_text())["1"]
    (outcome,) = control(tmp_path, "merged", 2)
    assert outcome["ledger"] == expected["ledger"]
    assert outcome["average"] == expected["winner"]


def test_the_controller_need_not_train(tmp_path, straight):
    (outcome,) = control(tmp_path, "servers_alone", 2)
    assert without(outcome, "placement") == straight
    rows = outcome["placement"].splitlines()[2:]
    assert all("/job:worker/" in row for row in rows)


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs iproute2")
def test_a_donor_crosses_once_and_not_through_the_controller():
    """Bytes that sockets have carried, beside the formulas."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.traffic", "--rounds", "6"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    rows = re.findall(
        r"\| (yes|no) \| (\S+).*? \| (\S+).*? \| (\d+) \| (\S+) \| (\S+) \|",
        process.stdout,
    )
    assert len(rows) == 12
    for _, sender, receiver, states, *sizes in rows:
        formula, measured = map(float, sizes)
        # Beside states there are calls, positions of samples, and losses.
        assert formula <= measured < 1.01 * formula + 0.5
        if sender == receiver:  # two servers
            assert int(states) > 0
        if sender == "controller":
            assert int(states) == 0
    assert {kept for kept, *_ in rows} == {"yes", "no"}


KILLS = int(os.environ.get("KERAS_AMTO_KILLS", "3"))


@pytest.mark.slow
def test_a_server_that_is_killed_changes_no_bit(tmp_path, straight):
    outcomes = control(tmp_path, "killed", KILLS)
    assert len(outcomes) == KILLS
    for outcome in outcomes:
        assert without(outcome, "placement", "used") == straight
    # Some died before the end, and were used again in the next run.
    assert 1 in [outcome["used"] for outcome in outcomes]


@pytest.mark.slow
def test_a_server_that_falls_silent_changes_no_bit(tmp_path, straight):
    (outcome,) = control(tmp_path, "silent")
    assert outcome["used"]
    assert without(outcome, "placement", "used") == straight


def test_without_a_machine_that_is_left_the_error_says_what_to_do(tmp_path):
    (outcome,) = control(tmp_path, "none_left")
    assert "LostMachineError: All machines" in outcome["error"]
    assert "PopulationBackup" in outcome["error"]


def test_without_copies_the_loss_of_a_machine_ends_training(tmp_path):
    (outcome,) = control(tmp_path, "without_copies")
    assert outcome["error"].startswith("LostMachineError")
    assert "localhost:" in outcome["error"]


def test_a_model_that_is_older_than_the_cluster_is_refused(tmp_path):
    (outcome,) = control(tmp_path, "built_before")
    assert outcome["error"].startswith("ValueError: The model was made before")


def test_a_network_with_tables_is_refused(tmp_path):
    (outcome,) = control(tmp_path, "with_tables")
    assert outcome["error"].startswith("ValueError: Tables of lookup layers")


def test_a_server_that_is_lost_between_two_fits_changes_no_bit(tmp_path):
    """Beside two fits without any loss."""
    lost, whole = control(tmp_path, "between_fits")
    assert lost.pop("used") == 1
    assert lost == whole


def test_servers_that_are_lost_before_the_first_step_change_no_bit(
    tmp_path, straight
):
    (outcome,) = control(tmp_path, "before_first_step")
    assert outcome["used"] == 1
    assert without(outcome, "placement", "used") == straight


@pytest.mark.slow
def test_a_controller_that_is_killed_continues_on_the_same_servers(
    tmp_path, straight
):
    kills = int(os.environ.get("KERAS_AMTO_KILLS", "1"))
    generator = random.Random(kills)
    with machines(2) as servers:
        for number in range(kills):
            directory = tmp_path / str(number)
            directory.mkdir()
            (outcome,) = killed_once(directory, generator, servers)
            assert without(outcome, "placement") == straight
        assert all(each.is_alive for each in servers)


def killed_once(directory, generator, servers):
    """What a controller has come to that was killed at a random instant."""
    path = directory / "outcome.json"
    ledger = directory / "backups" / "ledger.jsonl"
    more = [each.address for each in servers]
    rounds = generator.randrange(8)

    def is_time():
        return (
            ledger.exists() and len(ledger.read_text().splitlines()) >= rounds
        )

    process = begin(path, "controllers_change", 0, *more)
    wait_until(is_time, 120)
    time.sleep(generator.uniform(0, 0.3))
    process.kill()
    process.communicate()
    assert not path.exists()
    process = begin(path, "controllers_change", 0, *more)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return json.loads(path.read_text())


def test_asking_a_machine_that_is_silent_leaves_no_descriptor_open():
    from keras_amto.distribution.probing import silent_ones

    address = f"localhost:{free_port()}"
    assert silent_ones([address]) == [address]
    one, other = socket.socketpair()
    calls = 20
    with open(__file__), one, other:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(calls):
            silent_ones([address])
        # Threads of other libraries open some at any time, but not so many.
        assert len(os.listdir("/proc/self/fd")) < before + calls


def on_two_tasks(kind):
    """What each of two tasks is started with."""
    ports = free_port(), free_port()
    if kind == "TF_CONFIG":
        cluster = {
            "chief": [f"localhost:{ports[0]}"],
            "worker": [f"localhost:{ports[1]}"],
        }
        for job in cluster:
            task = {"type": job, "index": 0}
            value = json.dumps({"cluster": cluster, "task": task})
            yield [], {"TF_CONFIG": value}
    elif kind == "SLURM":  # as srun sets it for two tasks on one node
        for rank in range(2):
            yield (
                [ports[0]],
                {
                    "SLURM_PROCID": str(rank),
                    "SLURM_STEP_NUM_TASKS": "2",
                    "SLURM_STEP_NODELIST": "localhost",
                    "SLURM_STEP_TASKS_PER_NODE": "2",
                },
            )
    else:
        for rank in range(2):
            yield [rank, ports[0], "127.0.0.1", "127.0.0.2"], {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["TF_CONFIG", "SLURM", "Kubernetes"])
def test_where_one_command_starts_everywhere_one_process_trains(
    tmp_path, straight, kind
):
    paths = [tmp_path / "controller.json", tmp_path / "server.json"]
    controller, server = (
        begin(path, "resolved", 0, kind, *map(str, more), **environment)
        for path, (more, environment) in zip(
            paths, on_two_tasks(kind), strict=True
        )
    )
    try:
        output, _ = controller.communicate()
        assert controller.returncode == 0, output
        assert server.poll() is None  # for a controller that comes after
    finally:
        server.kill()
        output, _ = server.communicate()
    assert "Serving" in output
    assert not paths[1].exists()
    (outcome,) = json.loads(paths[0].read_text())
    assert "/task:0/" in outcome["placement"]
    assert without(outcome, "placement") == straight


@pytest.mark.parametrize("task", [("ps", 0), ("worker", 3)])
def test_a_process_that_is_no_task_of_the_cluster_is_refused(task):
    import tensorflow as tf

    from keras_amto.distribution import connect

    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": ["a:1", "b:1"], "ps": ["c:1"]}),
        task_type=task[0],
        task_id=task[1],
    )
    with pytest.raises(ValueError, match="not part of the cluster"):
        connect(resolver)


def refusal_of(port):
    """What `connect` says of an address, and how soon."""
    from keras_amto.distribution import connect

    begin = time.monotonic()
    with pytest.raises((ConnectionError, ValueError)) as raised:
        connect([f"localhost:{port}"])
    assert time.monotonic() - begin < 30
    assert f"localhost:{port}" in str(raised.value)
    assert "Received" in str(raised.value)
    return raised.value


@pytest.fixture
def taken_port():
    """A port that somebody listens on."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_that_is_taken_is_told_in_one_line(taken_port):
    process = subprocess.run(
        [*SERVE, f"localhost:{taken_port}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    (line,) = re.findall("^keras-amto serve.*", process.stderr, re.MULTILINE)
    assert "Address already in use" in line
    assert f"localhost:{taken_port}" in line
    assert "Traceback" not in process.stderr


def test_a_server_that_ends_at_once_says_why(monkeypatch, taken_port):
    """It is what a test shows that cannot start its servers."""
    name = "tests.placement.machines.free_port"
    monkeypatch.setattr(name, lambda: taken_port)
    with pytest.raises(RuntimeError, match="Address already in use"):
        machines(1).__enter__()


def test_a_machine_without_a_server_is_named():
    assert isinstance(refusal_of(free_port()), ConnectionError)


def test_the_address_of_a_web_server_is_named():
    server = http.server.ThreadingHTTPServer(
        ("localhost", 0), http.server.BaseHTTPRequestHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        refusal_of(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_of_another_version_is_refused():
    code = (
        "import sys, tensorflow as tf; a = [sys.argv[1]]; "
        "s = tf.distribute.Server(tf.train.ClusterSpec("
        "{'keras_amto_tf_1_15_0': a}), job_name='keras_amto_tf_1_15_0'); "
        "s.join()"
    )
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", code, f"localhost:{port}"],
        stderr=subprocess.DEVNULL,
    )
    try:
        assert "1.15.0" in str(refusal_of(port))
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    "workers", ["machine:1", [], ["machine"], ["m:1", "m:1"], [3], 5]
)
def test_workers_that_are_none_are_refused(workers):
    from keras_amto.distribution import connect

    with pytest.raises((TypeError, ValueError), match="Expected"):
        connect(workers)
