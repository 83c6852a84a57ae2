"""The worker processes of a `tf.distribute.MultiWorkerMirroredStrategy`."""

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.backup import decode
from keras_amto.backup import encode
from keras_amto.cluster.errors import LostWorkerError
from keras_amto.cluster.mesh import Mesh
from keras_amto.cluster.rendezvous import meet


class Cluster:
    """Worker processes that run the same script.

    Args:
        strategy: The strategy of this process.

    Attributes:
        rank: Integer, this process, in the order of TensorFlow: 0 is the chief.
        names: The `host:port` of each process.
        devices: The names of the devices of each process; all have as many as
            this one, as the strategy wants it.
        bytes_sent: Integer, what went to other processes in the last `fit`.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._mesh: Mesh | None = None
        resolver = strategy.cluster_resolver
        spec = resolver.cluster_spec()
        members = [
            (job, index, address)
            for job in ("chief", "worker")
            if job in spec.jobs
            for index, address in enumerate(spec.job_tasks(job))
        ]
        places = [(job, index) for job, index, _ in members]
        # An empty cluster has no process but this one.
        self.rank = (
            places.index((resolver.task_type, resolver.task_id))
            if places
            else 0
        )
        self.names = [address for *_, address in members]
        self.devices = [
            [_of_member(name, *place) for name in _local_devices(strategy)]
            for place in places
        ]
        self.bytes_sent = 0

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Connects with the other processes, which have to call it too.

        What is raised within reaches them as an error of theirs.
        """
        self._mesh = mesh = meet(self.rank, self.names, self._gather)
        try:
            yield
        except SystemExit:
            mesh.close()
            raise
        except BaseException as error:
            mesh.close(f"{type(error).__name__}: {error}")
            raise
        else:
            mesh.close()
        finally:
            self._mesh = None
            self.bytes_sent = sum(mesh.sent.values())

    @property
    def mesh(self) -> Mesh:
        """The connections, while there are any."""
        if self._mesh is None:
            raise RuntimeError(
                "Worker processes talk during `fit` alone. Received: a call "
                "outside of it. Expected: a call within."
            )
        return self._mesh

    def check(self) -> None:
        """Raises a `LostWorkerError` if another process has failed."""
        self.mesh.check()

    def exchange(self, value: Any) -> list[Any]:
        """Gives all processes the values of all, by rank.

        Args:
            value: Nested dicts, lists, arrays and plain values; small.
        """
        message = b"".join(encode(value))
        return [decode(content) for content in self.mesh.exchange(message)]

    def send(self, peer: int, value: Any) -> None:
        """Sends such a value to another process."""
        self.mesh.send(peer, b"".join(encode(value)))

    def receive(self, peer: int) -> Any:
        """Returns what another process has sent."""
        return decode(self.mesh.receive(peer))

    def broadcast(self, value: Any) -> Any:
        """Returns the chief's value in every process."""
        if self.rank != 0:
            return self.receive(0)
        for peer in self.mesh.peers:
            self.send(peer, value)
        return value

    def agree_on(self, fields: dict[str, Any]) -> None:
        """Checks that all processes do the same.

        Args:
            fields: Plain values, by name.

        Raises:
            ValueError: in every process, naming what differs.
        """
        expected, *others = self.exchange(fields)
        for rank, received in enumerate(others, start=1):
            for name in expected:
                if received.get(name) != expected[name]:
                    raise ValueError(
                        f"The worker processes differ in `{name}`. "
                        f"Received: {name}={received.get(name)!r} in worker "
                        f"{rank} ({self.names[rank]}). "
                        f"Expected: {name}={expected[name]!r}, as in worker 0; "
                        "all run the same script on the same data."
                    )

    def _gather(self, values: list[int]) -> npt.NDArray[Any]:
        """Gives all processes the integers of all, by the strategy's means."""
        import tensorflow as tf

        def gather() -> Any:
            rows = self._strategy.run(
                lambda: tf.constant([[self.rank, *values]], tf.int64)
            )
            return self._strategy.gather(rows, axis=0)

        try:
            gathered = tf.function(gather, autograph=False)()
        except tf.errors.OpError as error:
            lines = str(error.message).splitlines()
            reason = [line for line in lines if "/task:" in line] or lines[-1:]
            raise LostWorkerError(
                "Not all worker processes have come to `fit`. "
                f"Received: {type(error).__name__}: {' '.join(reason)[:500]} "
                f"Expected: all of {self.names} to call it."
            ) from error
        # Each device of a process has given the same row.
        rows = {int(each[0]): each[1:] for each in gathered.numpy()}
        return np.array([rows[rank] for rank in range(len(self.names))])


def _local_devices(strategy: Any) -> Sequence[str]:
    devices: Sequence[str] = strategy.extended.worker_devices
    return devices


def _of_member(device: str, job: str, index: int) -> str:
    """The name of a device like this one in another process."""
    import tensorflow as tf

    spec = tf.DeviceSpec.from_string(device)
    return str(spec.replace(job=job, task=index).to_string())
