"""Starting worker processes on this machine, over loopback."""

import contextlib
import json
import os
import socket
import subprocess
import sys

from tests.conftest import ROOT


def free_ports(count):
    """Ports that nobody listens on right now."""
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]


def start(count, directory, *options, module="tests.placement.worker"):
    """Starts a cluster, each process with its own TF_CONFIG."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    processes = []
    for index in range(count):
        config = {
            "cluster": cluster,
            "task": {"type": "worker", "index": index},
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", module, str(directory), *options],
                cwd=ROOT,
                env=os.environ | {"TF_CONFIG": json.dumps(config)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def finish(processes, timeout=180):
    """Waits for all; returns their statuses and what they complained of."""
    try:
        errors = [p.communicate(timeout=timeout)[1] for p in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    return [process.returncode for process in processes], errors


def results(count, directory):
    """What the run has come to in each process."""
    return [
        json.loads((directory / f"result-{rank}.json").read_text())
        for rank in range(count)
    ]
