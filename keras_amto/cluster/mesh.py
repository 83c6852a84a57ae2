"""Connections between worker processes: each with each, authenticated.

The collectives of `tf.distribute` send what one process has to all of them, so
a donor's state that one process needs would go everywhere. Here a message goes
from one process to another, and whoever dies closes its connections, which all
others notice at once.

Messages are bytes. None is ever unpickled.
"""

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Mapping
from collections.abc import Sequence
from multiprocessing.connection import Connection

from keras_amto.cluster.errors import LostWorkerError

_MESSAGE, _FAREWELL, _ERROR = b"M", b"F", b"E"

_SECONDS_TO_LEAVE = 0.5
# A machine that vanishes says nothing: the system asks after these seconds of
# silence, so often, and gives up. Together well below a minute.
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 10, 5, 4


class Mesh:
    """What a worker process says to the others, and hears from them.

    Args:
        rank: Integer, this process.
        names: What to call each process in errors.
        connections: The connection to each other process.
    """

    def __init__(
        self,
        rank: int,
        names: Sequence[str],
        connections: Mapping[int, Connection],
    ) -> None:
        self._rank = rank
        self._names = names
        self._connections = dict(connections)
        self._received: dict[int, queue.SimpleQueue[bytes | None]] = {
            peer: queue.SimpleQueue() for peer in connections
        }
        self._failure: str | None = None
        self._left: set[int] = set()
        self._closing = False
        #: Bytes sent to each other process.
        self.sent = dict.fromkeys(connections, 0)
        self._readers = [
            threading.Thread(
                target=self._read,
                args=(peer,),
                name=f"keras_amto_worker_{peer}",
                daemon=True,
            )
            for peer in connections
        ]
        for connection in self._connections.values():
            _notice_silence(connection)
        for reader in self._readers:
            reader.start()

    @property
    def peers(self) -> list[int]:
        """The other processes, ascending."""
        return sorted(self._connections)

    def check(self) -> None:
        """Raises if another process is known to have failed.

        Raises:
            LostWorkerError: naming the process.
        """
        if self._failure is not None:
            raise LostWorkerError(self._failure)

    def send(self, peer: int, message: bytes) -> None:
        """Sends a message to another process."""
        self.check()
        try:
            self._send(peer, _MESSAGE, message)
        except OSError as error:
            self._fail(peer, f"its connection broke ({error})")
            self.check()

    def receive(self, peer: int) -> bytes:
        """Returns the next message from another process, waiting for it."""
        # The reader wakes this up with `None`, whatever ended it.
        message = self._received[peer].get()
        if message is None:
            self._received[peer].put(None)  # for the next one who asks
            self.check()
            raise LostWorkerError(
                f"{self._name(peer)} has left while its message was awaited. "
                "Expected: the same calls of `fit` in every worker process."
            )
        return message

    def exchange(self, message: bytes) -> list[bytes]:
        """Gives all processes the messages of all, by rank."""
        for peer in self.peers:
            self.send(peer, message)
        messages = {peer: self.receive(peer) for peer in self.peers}
        messages[self._rank] = message
        return [messages[rank] for rank in range(len(self._names))]

    def close(self, error: str | None = None) -> None:
        """Says farewell, or what went wrong, and closes the connections."""
        if self._closing:
            return
        self._closing = True
        kind, text = (_FAREWELL, "") if error is None else (_ERROR, error)
        for peer in self.peers:
            with contextlib.suppress(OSError):
                self._send(peer, kind, text.encode())
        self._shut(socket.SHUT_WR)  # what was sent still arrives
        for reader in self._readers:
            reader.join(_SECONDS_TO_LEAVE)  # for the peer to do the same
        self._shut(socket.SHUT_RDWR)  # which wakes readers that still wait
        for reader in self._readers:
            reader.join()
        for connection in self._connections.values():
            connection.close()

    def _shut(self, how: int) -> None:
        for connection in self._connections.values():
            with _socket_of(connection) as sock, contextlib.suppress(OSError):
                sock.shutdown(how)

    def _send(self, peer: int, kind: bytes, message: bytes) -> None:
        self._connections[peer].send_bytes(kind + message)
        self.sent[peer] += len(kind) + len(message)

    def _read(self, peer: int) -> None:
        try:
            while True:
                content = self._connections[peer].recv_bytes()
                kind, message = content[:1], content[1:]
                if kind == _MESSAGE:
                    self._received[peer].put(message)
                elif kind == _FAREWELL:
                    self._left.add(peer)
                else:
                    self._left.add(peer)
                    self._fail(peer, f"it stopped with {message.decode()}")
        except (EOFError, OSError) as error:
            if peer not in self._left and not self._closing:
                self._fail(
                    peer,
                    f"its connection closed ({str(error) or 'end of file'})",
                )
        finally:
            self._received[peer].put(None)

    def _fail(self, peer: int, what: str) -> None:
        if self._failure is None:
            self._failure = (
                f"{self._name(peer)} is lost: {what}. Received: a cluster of "
                f"{len(self._names)} worker processes without it. Expected: "
                "all of them until `fit` ends; start all of them again, and "
                "with a PopulationBackup they continue where they were."
            )
        for received in self._received.values():
            received.put(None)

    def _name(self, peer: int) -> str:
        return f"Worker {peer} ({self._names[peer]})"


def _socket_of(connection: Connection) -> socket.socket:
    """Another handle of the socket behind a connection."""
    return socket.socket(fileno=os.dup(connection.fileno()))


def _notice_silence(connection: Connection) -> None:
    with _socket_of(connection) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name, value in (
            ("TCP_KEEPIDLE", _IDLE_SECONDS),
            ("TCP_KEEPINTVL", _PROBE_SECONDS),
            ("TCP_KEEPCNT", _PROBES),
            (
                "TCP_USER_TIMEOUT",
                1000 * (_IDLE_SECONDS + _PROBES * _PROBE_SECONDS),
            ),
        ):
            if hasattr(socket, name):  # not on every system
                sock.setsockopt(
                    socket.IPPROTO_TCP, getattr(socket, name), value
                )
