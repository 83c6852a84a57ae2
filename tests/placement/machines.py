"""TensorFlow servers as processes, in the place of other machines."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

from tests.conftest import ROOT

SERVE = [sys.executable, "-m", "keras_amto", "serve", "--address"]


def free_port():
    """Returns a port that nobody has.

    Below those that systems give to whoever asks for any: between this call and
    the use of the port, a connection of somebody else would get it.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


class Machine:
    """A server process, which may be kept on some of the cores."""

    def __init__(self, cores=None):
        self._cores = cores
        self.address = f"localhost:{free_port()}"
        self._process = None
        self.start()

    def start(self):
        """Starts the server, at the same address after a `kill`."""
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [*SERVE, self.address],
            cwd=ROOT,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            preexec_fn=self._keep_to_cores,
        )

    def _keep_to_cores(self):
        if self._cores:
            os.sched_setaffinity(0, self._cores)

    def wait(self):
        """Waits until it serves."""
        wait_until(lambda: "Serving" in self.printed or not self.is_alive, 120)
        if not self.is_alive:
            raise RuntimeError(
                f"The server at {self.address} has ended with status "
                f"{self._process.returncode}. It printed: {self.printed}"
            )

    @property
    def printed(self):
        """What it has printed so far."""
        # Not by `read`, which would move where the server writes next.
        return os.pread(self._printed.fileno(), 10**6, 0).decode()

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_alive(self):
        return self._process.poll() is None

    def kill(self):
        """Ends it as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._printed.close()

    def pause(self):
        """Lets it fall silent."""
        self._process.send_signal(signal.SIGSTOP)


@contextlib.contextmanager
def machines(count, divides_cores=False):
    """Some servers, which end with the context.

    They share all cores, or each has as many of its own.
    """
    cores = sorted(os.sched_getaffinity(0))
    shares = [cores[i::count] if divides_cores else None for i in range(count)]
    started = [Machine(share) for share in shares]
    try:
        for each in started:
            each.wait()
        yield started
    finally:
        for each in started:
            each.kill()


def wait_until(condition, seconds=60):
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
