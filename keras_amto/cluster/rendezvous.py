"""How worker processes find each other and connect."""

import contextlib
import ipaddress
import queue
import secrets
import threading
from collections.abc import Callable
from collections.abc import Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from multiprocessing.connection import Connection
from multiprocessing.connection import Listener
from typing import Any

import numpy.typing as npt

from keras_amto.cluster.errors import LostWorkerError
from keras_amto.cluster.mesh import Mesh

Gather = Callable[[list[int]], npt.NDArray[Any]]

_KEY_BYTES = 32
_SECONDS_TO_CONNECT = 60.0


def meet(rank: int, names: Sequence[str], gather: Gather) -> Mesh:
    """Connects each worker process with each.

    The first process' key goes to all by `gather`, and so do the ports that the
    processes listen on, chosen by their systems. Then each connects to those
    before it, and both ends prove that they have the key.

    Args:
        rank: Integer, this process.
        names: The `host:port` that each process has in the cluster. The port
            is TensorFlow's; the host is where to connect to.
        gather: Gives all processes the integers of all, as rows by rank.

    Returns:
        A `Mesh`.

    Raises:
        LostWorkerError: if a process cannot be reached or does not come.
    """
    hosts = [name.rpartition(":")[0] for name in names]
    key = bytes(gather([*secrets.token_bytes(_KEY_BYTES)])[0].tolist())
    # Else on all interfaces: a name in the cluster may be that of a proxy.
    address = "127.0.0.1" if all(map(_is_loopback, hosts)) else ""
    with Listener(
        (address, 0), "AF_INET", backlog=len(names), authkey=key
    ) as listener:
        incoming: queue.SimpleQueue[tuple[int, Connection]]
        incoming = queue.SimpleQueue()
        later = range(rank + 1, len(names))
        threading.Thread(
            target=_accept, args=(listener, len(later), incoming), daemon=True
        ).start()
        ports = gather([listener.address[1]])[:, 0].tolist()
        connections = {
            peer: _connect(rank, peer, (hosts[peer], ports[peer]), key)
            for peer in range(rank)
        }
        for _ in later:
            try:
                peer, connection = incoming.get(timeout=_SECONDS_TO_CONNECT)
            except queue.Empty:
                missing = sorted({*later} - {*connections})
                raise LostWorkerError(
                    "Not all worker processes have connected. Received: none "
                    f"from {[f'{w} ({names[w]})' for w in missing]} within "
                    f"{_SECONDS_TO_CONNECT:.0f} s. Expected: processes that "
                    f"reach {names[rank]} at port {ports[rank]}."
                ) from None
            connections[peer] = connection
    return Mesh(rank, names, connections)


def _connect(
    rank: int, peer: int, address: tuple[str, int], key: bytes
) -> Connection:
    try:
        connection = Client(address, "AF_INET", authkey=key)
        connection.send_bytes(str(rank).encode())
    except (OSError, EOFError, AuthenticationError) as error:
        raise LostWorkerError(
            f"Worker {peer} cannot be reached. Received: {error!r} from "
            f"{address[0]} at port {address[1]}. Expected: a worker process "
            "there, and a network that lets worker processes connect to each "
            "other at any port."
        ) from error
    return connection


def _accept(
    listener: Listener,
    count: int,
    incoming: "queue.SimpleQueue[tuple[int, Connection]]",
) -> None:
    accepted = 0
    while accepted < count:
        # Whoever else knocks has no key, and is sent away.
        with contextlib.suppress(
            AuthenticationError, EOFError, ConnectionError
        ):
            connection = listener.accept()
            incoming.put((int(connection.recv_bytes()), connection))
            accepted += 1


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
