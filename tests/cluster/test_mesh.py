"""Connections between workers: here threads, but over real sockets."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from keras_amto.cluster import LostWorkerError
from keras_amto.cluster import rendezvous
from keras_amto.cluster.rendezvous import meet


class Gatherer:
    """Gives all threads the integers of all."""

    def __init__(self, count):
        self.rows = {}
        self.barrier = threading.Barrier(count)

    def by(self, rank):
        def gather(values):
            self.rows[rank] = values
            self.barrier.wait()
            rows = np.array([self.rows[r] for r in sorted(self.rows)])
            self.barrier.wait()
            return rows

        return gather


@contextlib.contextmanager
def meshes(count):
    gatherer = Gatherer(count)
    names = [f"127.0.0.1:{9000 + rank}" for rank in range(count)]
    with ThreadPoolExecutor(count) as executor:
        futures = [
            executor.submit(meet, rank, names, gatherer.by(rank))
            for rank in range(count)
        ]
        made = [future.result() for future in futures]
    try:
        yield made
    finally:
        with ThreadPoolExecutor(count) as executor:
            list(executor.map(lambda mesh: mesh.close(), made))


def test_messages_arrive_in_order_and_where_they_were_sent():
    with meshes(3) as (one, two, three):
        for text in (b"a", b"", b"c"):
            one.send(2, text)
        two.send(2, b"from two")
        assert [three.receive(0) for _ in range(3)] == [b"a", b"", b"c"]
        assert three.receive(1) == b"from two"


def test_an_exchange_gives_all_what_all_have():
    with meshes(4) as made, ThreadPoolExecutor(4) as executor:
        for _ in range(20):
            given = [b"%d" % rank for rank in range(4)]
            received = executor.map(
                lambda pair: pair[0].exchange(pair[1]),
                zip(made, given, strict=True),
            )
            assert list(received) == [given] * 4


def test_large_messages_may_cross_each_other():
    large = bytes(30_000_000)
    with meshes(2) as made, ThreadPoolExecutor(2) as executor:
        received = executor.map(lambda mesh: mesh.exchange(large), made)
        assert all(both == [large, large] for both in received)
        assert [sum(mesh.sent.values()) for mesh in made] == [
            len(large) + 1
        ] * 2


def test_a_connection_that_breaks_names_the_worker():
    with meshes(2) as (one, two):
        two._shut(socket.SHUT_RDWR)  # as when its process is killed
        with pytest.raises(LostWorkerError, match=r"Worker 1 \(127.0.0.1:9001"):
            one.receive(1)
        with pytest.raises(LostWorkerError, match="Worker 1"):
            one.check()
        with pytest.raises(LostWorkerError, match="Worker 1"):
            one.send(1, b"too late")


def test_who_waits_for_another_hears_of_a_death_too():
    with meshes(3) as (one, two, three), ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(one.receive, 2)
        two._shut(socket.SHUT_RDWR)
        with pytest.raises(LostWorkerError, match="Worker 1"):
            waiting.result(timeout=10)


def test_an_error_reaches_the_others():
    with meshes(2) as (one, two):
        two.close("ValueError: no such thing")
        with pytest.raises(LostWorkerError, match="ValueError: no such thing"):
            one.receive(1)


def test_a_farewell_is_no_loss():
    with meshes(2) as (one, two):
        two.send(0, b"last words")
        two.close()
        one.check()
        assert one.receive(1) == b"last words"
        with pytest.raises(LostWorkerError, match="has left"):
            one.receive(1)
        one.check()


def test_closing_leaves_nothing_behind():
    before = threading.active_count()
    with meshes(3):
        assert threading.active_count() >= before + 6
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # for threads that have accepted all
    assert threading.active_count() == before


def test_who_has_no_key_is_sent_away():
    gatherer = Gatherer(2)
    names = ["127.0.0.1:9000", "127.0.0.1:9001"]
    strangers = []

    def gather_with_a_stranger(values):
        rows = gatherer.by(0)(values)
        if len(values) == 1:  # the port
            strangers.append(socket.create_connection(("127.0.0.1", values[0])))
            strangers[0].sendall(b"\0\0\0\5hello")
        return rows

    with ThreadPoolExecutor(2) as executor:
        one = executor.submit(meet, 0, names, gather_with_a_stranger)
        two = executor.submit(meet, 1, names, gatherer.by(1))
        one, two = one.result(timeout=30), two.result(timeout=30)
    one.send(1, b"hello")
    assert two.receive(0) == b"hello"
    with ThreadPoolExecutor(2) as executor:
        list(executor.map(lambda mesh: mesh.close(), (one, two)))
    strangers[0].close()


def test_a_worker_that_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(rendezvous, "_SECONDS_TO_CONNECT", 0.1)
    names = ["127.0.0.1:9000", "elsewhere:9001"]

    def gather(values):
        return np.array([values, values])

    with pytest.raises(LostWorkerError, match=r"none from \['1 \(elsewhere"):
        meet(0, names, gather)


def test_a_worker_that_cannot_be_reached_is_named():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    names = ["127.0.0.1:9000", "127.0.0.1:9001"]

    def gather(values):
        return np.array([[port] if len(values) == 1 else values, values])

    with pytest.raises(LostWorkerError, match="Worker 0 cannot be reached"):
        meet(1, names, gather)
