"""Several machines: the devices of TensorFlow servers, used from one script."""

import contextlib
import copy
import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_amto.arguments import check_boolean
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value
from keras_amto.distribution.errors import LostMachineError
from keras_amto.distribution.placement import JOB
from keras_amto.distribution.placement import machine
from keras_amto.distribution.probing import refuse_stranger
from keras_amto.distribution.probing import silent_ones
from keras_amto.distribution.serving import check_address
from keras_amto.distribution.serving import serve


class Cluster:
    """This process, the controller, and the servers whose devices it uses.

    `connect` makes it; `AMTOModel(strategy=cluster)` trains on it.

    Attributes:
        keep_copies: Boolean, whether the controller keeps copies of what lies
            on the servers.
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
        found: dict[str, dict[str, list[str]]] = {}
        for device in tf.config.list_logical_devices():
            where = machine(device.name)
            if where or self._use_controller:
                kinds = found.setdefault(where, {})
                kinds.setdefault(device.device_type, []).append(device.name)
        return [
            name
            for kinds in found.values()
            for name in kinds.get("GPU") or kinds["CPU"]
        ]

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
                # What lay there is lost.
                problem = "A machine of the cluster was lost for a moment"
                raise self._lost(problem, error.message) from error
            raise

    def check(self) -> None:
        """Raises a `LostMachineError` where a server no longer answers."""
        silent = ", ".join(silent_ones(self.addresses))
        if silent:
            problem = "A machine of the cluster no longer answers"
            raise self._lost(problem, f"no answer from {silent}")

    def refresh(self) -> list[str]:
        """Goes on with the servers that answer, and without the others.

        One that was lost before and answers now is used again. What lay on a
        server that was lost is gone. Everything else stays.

        Returns:
            The addresses of servers that came or went.

        Raises:
            LostMachineError: if nothing is left to train on.
        """
        silent = silent_ones(self._all.values())
        left = {i: each for i, each in self._all.items() if each not in silent}
        if not left and not self._use_controller:
            raise LostMachineError(
                "All machines of the cluster are lost, and the controller "
                f"does not train. Received: no answer from {', '.join(silent)}."
                " Expected: a server that answers; start the servers and the "
                "script again, which continues from its PopulationBackup."
            )
        changed = left.keys() ^ self._used.keys()
        self._use(left)
        return [self._all[i] for i in sorted(changed)]

    def refuse_older(self, variable: tf.Variable) -> None:
        """Raises where a variable was made before `connect` was called.

        TensorFlow can read such a variable, but no longer assigns it.
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

    def _lost(self, problem: str, received: str) -> LostMachineError:
        return LostMachineError(
            f"{problem}. Received: {received}. "
            f"Expected: TensorFlow servers at {self.addresses}."
        )

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
            `chief`, or else of `worker`) and serves in the others until it is
            stopped.
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
        refuse_stranger(address)
    # With streaming, a function can reach a server before its arguments, which
    # come from another server, and fails.
    os.environ["TF_ENABLE_EAGER_CLIENT_STREAMING_ENQUEUE"] = "False"
    tf.config.experimental_connect_to_cluster(
        tf.train.ClusterSpec({JOB: addresses}), make_master_device_default=False
    )
    return Cluster(addresses, use_controller, keep_copies)


def _addresses(workers: Any) -> list[str]:
    if workers is None:
        workers = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if isinstance(workers, tf.distribute.cluster_resolver.ClusterResolver):
        return _resolved(workers)
    expected = (
        "a list like ['machine-2:2222'], each address once, or a "
        "tf.distribute.cluster_resolver.ClusterResolver"
    )
    if isinstance(workers, str) or not isinstance(workers, Sequence):
        kind = "a list of addresses or a resolver"
        raise wrong_type("workers", workers, kind, expected)
    addresses = [check_address("workers", each) for each in workers]
    if not addresses or len(set(addresses)) < len(addresses):
        problem = "is empty or names a machine twice"
        raise wrong_value("workers", workers, problem, expected)
    return addresses


def _resolved(resolver: Any) -> list[str]:
    """The servers of a resolver. Processes that are servers never return."""
    jobs = resolver.cluster_spec().as_dict()
    tasks = {
        (job, index): address
        for job in ("chief", "worker")
        for index, address in enumerate(jobs.get(job, ()))
    }
    controller, *servers = tasks or [("chief", 0)]
    own = (resolver.task_type or controller[0], resolver.task_id or 0)
    if own not in tasks:
        raise ValueError(
            "This process is not part of the cluster. Received: task "
            f"{own} of {jobs or 'an empty cluster, or no TF_CONFIG'}. "
            "Expected: a task of the jobs 'chief' or 'worker'."
        )
    if own != controller:
        serve(tasks[own])
    return [tasks[each] for each in servers]
