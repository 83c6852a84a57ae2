"""TensorFlow servers as processes, in the place of other machines."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

from tests.conftest import ROOT

SERVE = [sys.executable, "-m", "keras_amto", "serve", "--address"]


def free_port():
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


class Machine:
    """A server process."""

    def __init__(self):
        self.address = f"localhost:{free_port()}"
        self._process = None
        self.start()

    def start(self):
        """Starts the server, at the same address after a `kill`."""
        self._process = subprocess.Popen(
            [*SERVE, self.address],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )

    def wait(self):
        """Waits until it serves."""
        line = self._process.stdout.readline()
        assert line.startswith("Serving"), line

    def kill(self):
        """Ends it as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def pause(self):
        """Lets it fall silent."""
        self._process.send_signal(signal.SIGSTOP)

    @property
    def is_alive(self):
        return self._process.poll() is None


@contextlib.contextmanager
def machines(count):
    """Some servers, which end with the context."""
    started = [Machine() for _ in range(count)]
    try:
        for each in started:
            each.wait()
        yield started
    finally:
        for each in started:
            with contextlib.suppress(ProcessLookupError):
                each.kill()


def wait_until(condition, seconds=60):
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
