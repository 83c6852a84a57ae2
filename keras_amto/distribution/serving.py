"""A TensorFlow server, whose devices train for a controller elsewhere."""

import re
import socket

import tensorflow as tf

from keras_amto.arguments import check_text
from keras_amto.arguments import wrong_value

_ADDRESS = "'host:port', the host as other machines reach it"


# The names of a server's devices tell a controller its version of TensorFlow.
VERSION = re.sub(r"\W", "_", tf.__version__)
_JOB = f"keras_amto_tf_{VERSION}"


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
    port = int(address.rpartition(":")[2])
    try:
        # TensorFlow would not say why it cannot have a port.
        socket.create_server(("", port)).close()
        server = tf.distribute.Server({_JOB: [address]})
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            f"The server cannot listen: {error}. "
            f"Received: address={address!r}. "
            "Expected: a port of this machine that is free."
        ) from error
    print(
        f"Serving {len(tf.config.list_physical_devices())} devices at "
        f"{address}, TensorFlow {tf.__version__}.",
        flush=True,
    )
    server.join()


def check_address(name: str, address: str) -> str:
    """Returns an address, or says what it should have been."""
    check_text(name, address, _ADDRESS)
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise wrong_value(name, address, "is not an address", _ADDRESS)
    return address
