"""Several machines: the devices of TensorFlow servers, used from one script."""

import concurrent.futures
import contextlib
import copy
import os
import re
import socket
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import grpc  # type: ignore[import-untyped]
import tensorflow as tf

from keras_amto.arguments import check_boolean
from keras_amto.distribution.errors import LostMachineError
from keras_amto.distribution.placement import JOB
from keras_amto.distribution.placement import machine
from keras_amto.distribution.serving import check_address
from keras_amto.distribution.serving import job_name
from keras_amto.distribution.serving import serve

_SECONDS_TO_CONNECT = 20.0


class Cluster:
    """This process, the controller, and the servers whose devices it uses.

    `connect` makes it; `AMTOModel(strategy=cluster)` trains on it.

    Args:
        addresses: The servers, `"host:port"`.
        use_controller: Boolean, whether devices of the controller train, too.
        keep_copies: Boolean, whether the controller keeps copies of what lies
            on the servers.

    Attributes:
        keep_copies: The same.
    """

    def __init__(
        self, addresses: Sequence[str], use_controller: bool, keep_copies: bool
    ) -> None:
        self._all = dict(enumerate(addresses))
        self._used = dict(self._all)
        self._use_controller = use_controller
        self.keep_copies = keep_copies

    @property
    def addresses(self) -> list[str]:
        """The servers that are used: those that were not lost."""
        return list(self._used.values())

    @property
    def devices(self) -> list[str]:
        """The devices that train: of each machine its GPUs, or else its CPU."""
        found: dict[str, list[str]] = {}
        for device in tf.config.list_logical_devices():
            where = machine(device.name)
            if device.device_type in ("CPU", "GPU") and (
                where or self._use_controller
            ):
                found.setdefault(where, []).append(device.name)
        chosen = []
        for names in found.values():
            gpus = [name for name in names if "GPU" in name]
            chosen += gpus or [name for name in names if "CPU" in name]
        return chosen

    @contextlib.contextmanager
    def losses_explained(self) -> Iterator[None]:
        """Raises `LostMachineError` in the place of what its loss raises."""
        try:
            yield
        except LostMachineError:
            raise
        except Exception as error:
            self.check()
            if isinstance(error, tf.errors.UnavailableError):
                # It was gone for a moment, and what lay there is lost.
                raise LostMachineError(
                    "A machine of the cluster was lost for a moment. "
                    f"Received: {error.message}. "
                    f"Expected: TensorFlow servers at {self.addresses}."
                ) from error
            raise

    def check(self) -> None:
        """Raises where a server no longer answers.

        Raises:
            LostMachineError: naming all of them.
        """
        lost = self._silent(self._used)
        if lost:
            raise LostMachineError(
                "A machine of the cluster no longer answers. "
                f"Received: no answer from {', '.join(lost.values())}. "
                f"Expected: TensorFlow servers at {self.addresses}."
            )

    def refresh(self) -> list[str]:
        """Goes on with the servers that answer, and without the others.

        One that was lost before and answers now is used again. What lay on a
        server that was lost is gone. Everything else stays.

        Returns:
            The addresses of servers that came or went.

        Raises:
            LostMachineError: if nothing is left to train on.
        """
        silent = self._silent(self._all)
        left = {i: each for i, each in self._all.items() if i not in silent}
        if not left and not self._use_controller:
            raise LostMachineError(
                "All machines of the cluster are lost, and the controller "
                "does not train. "
                f"Received: no answer from {', '.join(silent.values())}. "
                "Expected: a server that answers; start the servers and the "
                "script again, which continues from its PopulationBackup."
            )
        changed = left.keys() ^ self._used.keys()
        self.hang_up()
        self._use(left)
        return [self._all[i] for i in sorted(changed)]

    def hang_up(self) -> None:
        """Ends the connections with servers that do not answer.

        Else TensorFlow waits for ever for one that fell silent.
        """
        for address in self._silent(self._used).values():
            _hang_up(address)

    def refuse_older(self, variable: tf.Variable) -> None:
        """Raises where a variable was made before `connect` was called.

        TensorFlow can read such a variable, but no longer assigns it.

        Args:
            variable: A variable of a floating type.
        """
        before = variable.numpy()
        other = (before == 0).astype(before.dtype)  # differs from any value
        try:
            variable.assign(other)
            follows = bool((variable.numpy() == other).all())
        finally:
            variable.assign(before)
        if not follows:
            raise ValueError(
                "The model was made before the cluster was connected, and "
                "TensorFlow can no longer change its variables. "
                f"Received: variable {variable.name!r}. "
                "Expected: keras_amto.distribution.connect(...) at the "
                "beginning of the script, before anything is built."
            )

    def _silent(self, servers: dict[int, str]) -> dict[int, str]:
        with concurrent.futures.ThreadPoolExecutor() as executor:
            answers = list(executor.map(_answers, servers.values()))
        pairs = zip(servers.items(), answers, strict=True)
        return {i: address for (i, address), answer in pairs if not answer}

    def _use(self, servers: dict[int, str]) -> None:
        # Private, and used in this place alone. The public way to say that a
        # cluster is another, `experimental_connect_to_cluster`, takes away what
        # lies on this machine as well: variables can no longer be assigned. A
        # test notices if it moves.
        from tensorflow.python.eager import context

        definition = copy.deepcopy(context.get_server_def())
        for job in definition.cluster.job:
            if job.name == JOB:
                job.tasks.clear()
                job.tasks.update(servers)
        context.update_server_def(definition)
        self._used = servers


def connect(
    workers: Any = None,
    *,
    use_controller: bool = True,
    keep_copies: bool = True,
) -> Cluster:
    """Connects this process with the TensorFlow servers of other machines.

    Their devices then train like those of this machine: pass the cluster to
    `AMTOModel(strategy=...)`. The script, callbacks and backups run here alone.
    Connect first: what was built before can no longer be trained.
    On the other machines `python -m keras_amto serve` runs. Nothing between
    them is encrypted or authenticated: use a trusted network or a tunnel.

    Args:
        workers: List of addresses, `"host:port"`; or a
            `tf.distribute.cluster_resolver.ClusterResolver`. Defaults to
            `None`, what the environment variable `TF_CONFIG` says. With a
            resolver, where the same script starts on every machine, this
            function returns in the controller (the first task of the job
            `chief`, or else of `worker`) and serves for ever in the others.
        use_controller: Boolean, whether the devices of this machine train, too.
            Defaults to `True`.
        keep_copies: Boolean. Where a machine is lost, its tasks move to those
            that are left, and the round is repeated from copies in the
            controller's memory, which are fetched as each round begins. With
            `False` there are none, and the loss of a machine ends `fit`.
            Defaults to `True`.

    Returns:
        A `Cluster`.

    Raises:
        TypeError: if `workers` is of the wrong type.
        ValueError: if an address is malformed, or belongs to no TensorFlow
            server of this version.
        ConnectionError: if a machine does not answer within 20 seconds.

    Example:

    ```python
    cluster = keras_amto.distribution.connect(["machine-2:2222"])
    model = keras_amto.AMTOModel(network, num_tasks=8, strategy=cluster)
    ```
    """
    check_boolean("use_controller", use_controller)
    check_boolean("keep_copies", keep_copies)
    addresses = _addresses(workers)
    for address in addresses:
        _refuse_stranger(address)
    # With streaming, a function can reach a server before its arguments, which
    # come from another server, and fails.
    os.environ["TF_ENABLE_EAGER_CLIENT_STREAMING_ENQUEUE"] = "False"
    tf.config.experimental_connect_to_cluster(
        tf.train.ClusterSpec({JOB: addresses}), make_master_device_default=False
    )
    return Cluster(addresses, use_controller, keep_copies)


def _hang_up(address: str) -> None:
    """Ends this process' connections with a machine.

    TensorFlow waits for ever for one that fell silent. Where its connections
    end, everything that waits gets an error.
    """
    host, _, port = address.rpartition(":")
    peers = {info[4] for info in socket.getaddrinfo(host, int(port))}
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return  # not on this system
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            # A copy: the descriptor itself stays TensorFlow's.
            connection = socket.socket(fileno=os.dup(descriptor))
            with connection:
                peer = connection.getpeername()
                if _plain(peer) in map(_plain, peers):
                    connection.shutdown(socket.SHUT_RDWR)


def _plain(peer: Any) -> Any:
    """Host and port, also of an IPv4 address that is written as IPv6."""
    return peer[0].removeprefix("::ffff:"), peer[1]


def _addresses(workers: Any) -> list[str]:
    if workers is None:
        workers = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if isinstance(workers, tf.distribute.cluster_resolver.ClusterResolver):
        return _resolved(workers)
    if isinstance(workers, str) or not isinstance(workers, Sequence):
        raise TypeError(
            "`workers` is neither a list of addresses nor a resolver. "
            f"Received: workers={workers!r} (of type {type(workers).__name__})."
            " Expected: a list like ['machine-2:2222'], or a "
            "tf.distribute.cluster_resolver.ClusterResolver."
        )
    addresses = [check_address("workers", each) for each in workers]
    if not addresses or len(set(addresses)) < len(addresses):
        raise ValueError(
            "`workers` is empty or names a machine twice. "
            f"Received: workers={addresses}. "
            "Expected: at least one address, each once."
        )
    return addresses


def _resolved(resolver: Any) -> list[str]:
    """The servers of a resolver. Processes that are servers never return."""
    jobs = resolver.cluster_spec().as_dict()
    tasks = [
        (job, index, address)
        for job in ("chief", "worker")
        for index, address in enumerate(jobs.get(job, ()))
    ]
    if not tasks:
        raise ValueError(
            "The cluster has no workers. "
            f"Received: {jobs or 'an empty cluster, or no TF_CONFIG'}. "
            "Expected: addresses of the jobs 'chief' or 'worker'."
        )
    controller, *servers = tasks
    own = (resolver.task_type or controller[0], resolver.task_id or 0)
    addresses = {(job, index): address for job, index, address in tasks}
    if own not in addresses:
        raise ValueError(
            "This process is not part of the cluster. "
            f"Received: task {own} of {jobs}. "
            "Expected: a task of the jobs 'chief' or 'worker'."
        )
    if own != controller[:2]:
        serve(addresses[own])
    return [address for _, _, address in servers]


def _refuse_stranger(address: str) -> None:
    """Raises unless a TensorFlow server of this version answers."""
    try:
        status = _status(address, _SECONDS_TO_CONNECT, wait=True)
    except grpc.RpcError as error:
        if error.code() in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        ):
            raise ConnectionError(
                f"The machine at {address} does not answer. "
                f"Received: {error.details()}. Expected: a TensorFlow server "
                f"there: `python -m keras_amto serve --address {address}`."
            ) from error
        raise ValueError(
            f"What answers at {address} is no TensorFlow server. "
            f"Received: {error.details()}. Expected: a server as "
            f"`python -m keras_amto serve --address {address}` starts it."
        ) from error
    found = re.search(rb"/job:(keras_amto_tf_\w+)/", status)
    if found is not None and found[1].decode() != job_name():
        raise ValueError(
            f"The server at {address} has another version of TensorFlow. "
            f"Received: {_version(found[1].decode())}. "
            f"Expected: {_version(job_name())}, as here."
        )


def _version(job: str) -> str:
    return job.removeprefix("keras_amto_tf_").replace("_", ".")


def _answers(address: str) -> bool:
    try:
        _status(address, 5.0)
    except grpc.RpcError:
        return False
    return True


def _status(address: str, seconds: float, wait: bool = False) -> bytes:
    """What a TensorFlow server says of its devices, as a protocol buffer."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/tensorflow.WorkerService/GetStatus")
        return bytes(call(b"", timeout=seconds, wait_for_ready=wait))
