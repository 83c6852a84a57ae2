"""A TensorFlow server, whose devices train for a controller elsewhere."""

import re
import socket

import tensorflow as tf

from keras_amto.arguments import check_text

_ADDRESS = "'host:port', the host as other machines reach it"


def job_name() -> str:
    """Returns the name of the servers' job, which tells TensorFlow's version.

    A controller finds it in the names of the devices that a server reports.
    """
    return "keras_amto_tf_" + re.sub(r"\W", "_", tf.__version__)


def serve(address: str) -> None:
    """Lets a controller train on the devices of this machine.

    Starts a TensorFlow server, which executes graphs and knows nothing of
    keras_amto. It stays until the process ends, and serves one controller after
    another.

    TensorFlow's servers authenticate nobody and encrypt nothing: anyone who can
    reach the port can run any operation on this machine, reading and writing
    files among them. They listen on all interfaces, whatever the address says.
    Use them in a trusted network, or through a tunnel.

    Args:
        address: String, `"host:port"`, the port to listen on and the name under
            which other machines reach it.

    Raises:
        TypeError: if the address is not a string.
        ValueError: if it is malformed.
        OSError: if the port cannot be had.

    Example:

    ```
    python -m keras_amto serve --address machine-2:2222
    ```
    """
    check_address("address", address)
    job = job_name()
    try:
        server = tf.distribute.Server(
            tf.train.ClusterSpec({job: [address]}), job_name=job, task_index=0
        )
    except tf.errors.OpError as error:
        raise OSError(
            f"The server cannot listen: {_refusal(address) or error.message}. "
            f"Received: address={address!r}. "
            "Expected: a port of this machine that is free."
        ) from error
    print(
        f"Serving {len(tf.config.list_physical_devices())} devices at "
        f"{address}, TensorFlow {tf.__version__}.",
        flush=True,
    )
    server.join()


def _refusal(address: str) -> str | None:
    """Why the system refuses a port, which TensorFlow does not say."""
    with socket.socket() as probe:
        try:
            probe.bind(("", int(address.rpartition(":")[2])))
        except OSError as error:
            return error.strerror
    return None


def check_address(name: str, address: str) -> str:
    """Returns an address, or says what it should have been."""
    check_text(name, address, _ADDRESS)
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise ValueError(
            f"`{name}` is not an address. Received: {name}={address!r}. "
            f"Expected: {_ADDRESS}."
        )
    return address
