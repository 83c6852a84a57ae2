"""`python -m keras_amto serve`: let a controller train on this machine."""

import argparse

HELP = "Let a controller train on the devices of this machine."

EXAMPLES = """\
example, on each machine but that of the script:
  keras-amto serve --address machine-2:2222

and in the script, on the controller:
  cluster = keras_amto.distribution.connect(["machine-2:2222"])
  model = keras_amto.AMTOModel(network, strategy=cluster)

TensorFlow's servers authenticate nobody and encrypt nothing, and listen on all
interfaces: anyone who reaches the port can run anything on this machine. Use a
trusted network or a tunnel.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "--address",
        required=True,
        metavar="HOST:PORT",
        help="the port to listen on, and the name by which others reach it",
    )


def run(options: argparse.Namespace) -> None:
    """Serves until the process ends."""
    from keras_amto.distribution import serve

    serve(options.address)
