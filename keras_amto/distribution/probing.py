"""What is at an address, and whether it still answers."""

import concurrent.futures
import contextlib
import itertools
import os
import re
import socket
import stat
from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

import grpc  # type: ignore[import-untyped]

from keras_amto.distribution.serving import VERSION

_SECONDS_TO_CONNECT = 20.0
_SECONDS_TO_ANSWER = 5.0


def refuse_stranger(address: str) -> None:
    """Raises unless a TensorFlow server of this version answers."""
    try:
        status = _status(address, _SECONDS_TO_CONNECT, wait=True)
    except grpc.RpcError as error:
        code = grpc.StatusCode
        silent = error.code() in (code.UNAVAILABLE, code.DEADLINE_EXCEEDED)
        problem = "does not answer" if silent else "runs no TensorFlow server"
        raise (ConnectionError if silent else ValueError)(
            f"The machine at {address} {problem}. "
            f"Received: {error.details()}. Expected: a server, as "
            f"`python -m keras_amto serve --address {address}` starts it."
        ) from error
    version = re.search(rb"/job:keras_amto_tf_(\w+)/", status)
    if version is not None and version[1].decode() != VERSION:
        raise ValueError(
            f"The server at {address} has another version of TensorFlow. "
            f"Received: {version[1].decode().replace('_', '.')}. "
            f"Expected: {VERSION.replace('_', '.')}, as here."
        )


def silent_ones(addresses: Iterable[str]) -> list[str]:
    """Those of some servers that do not answer within a few seconds.

    This process' connections with them are ended, where the system shows them:
    TensorFlow waits for ever for a server that fell silent, but whatever waits
    on a connection that ends gets an error.
    """

    def is_silent(address: str) -> bool:
        try:
            _status(address, _SECONDS_TO_ANSWER)
        except grpc.RpcError:
            _hang_up(address)
            return True
        return False

    addresses = list(addresses)
    with concurrent.futures.ThreadPoolExecutor() as executor:
        found = executor.map(is_silent, addresses)
        return list(itertools.compress(addresses, found))


def _hang_up(address: str) -> None:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError):  # not on this system, or no such host
        peers = {_plain(i[4]) for i in socket.getaddrinfo(host, int(port))}
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            # One may be closed meanwhile.
            with contextlib.suppress(OSError):
                _shut_down(descriptor, peers)


def _shut_down(descriptor: int, peers: Collection[Any]) -> None:
    """Ends a connection, if it is one, and with one of these."""
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        # A copy: the descriptor itself stays TensorFlow's.
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            of_internet = connection.family in (socket.AF_INET, socket.AF_INET6)
            if of_internet and _plain(connection.getpeername()) in peers:
                connection.shutdown(socket.SHUT_RDWR)


def _plain(peer: Any) -> Any:
    """Host and port, also of an IPv4 address that is written as IPv6."""
    return peer[0].removeprefix("::ffff:"), peer[1]


def _status(address: str, seconds: float, wait: bool = False) -> bytes:
    """What a TensorFlow server says of its devices, as a protocol buffer."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/tensorflow.WorkerService/GetStatus")
        return bytes(call(b"", timeout=seconds, wait_for_ready=wait))
