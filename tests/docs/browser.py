"""Pages as headless Chromium sees them, by way of its DevTools protocol."""

import contextlib
import itertools
import json
import re
import shutil
import subprocess

from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_EVENTS = ("Runtime.exceptionThrown", "Network.loadingFailed")


class Tab:
    """A tab of a browser. Calls of the protocol wait for their answer."""

    def __init__(self, socket, loop):
        self._socket = socket
        self._loop = loop
        self._numbers = itertools.count()
        self._session = None
        self.problems = []

    def open(self):
        """Makes the tab and follows what goes wrong in it."""
        target = self.call("Target.createTarget", url="about:blank")
        self._session = self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def resize(self, width, height=800):
        """Shows pages in a window of a size in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def visit(self, url):
        """Opens an address and waits until it is loaded."""
        self.call("Page.navigate", url=url)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, script):
        """Returns what a script, or what it promises, comes to."""
        found = self.call(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def call(self, method, **parameters):
        """Returns the answer of a method of the protocol."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.write_message(json.dumps(message))
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _next(self):
        read = self._socket.read_message
        message = json.loads(self._loop.run_sync(read, timeout=60))
        method, details = message.get("method"), message.get("params", {})
        is_error = (
            method in _EVENTS
            or details.get("type") in ("error", "assert")
            or details.get("entry", {}).get("level") == "error"
        )
        if is_error and not details.get("canceled"):
            self.problems.append(details)
        return message


@contextlib.contextmanager
def tab(directory):
    """Starts Chromium with an empty profile, and yields a tab of it."""
    process = subprocess.Popen(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
            "--allow-file-access-from-files", "--remote-debugging-port=0",
            f"--user-data-dir={directory}", "about:blank",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    loop = IOLoop(make_current=False)
    try:
        for line in process.stderr:
            if found := re.search(r"listening on (ws://\S+)", line):
                break
        socket = loop.run_sync(
            lambda: websocket_connect(found.group(1), max_message_size=2**26)
        )
        yield Tab(socket, loop).open()
        socket.close()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        loop.close(all_fds=True)
