"""The command line: `keras_amto <command>`.

A command is a module of this package with `HELP` (one line), `EXAMPLES`,
`add_arguments(parser)` and `run(options)`; it is named here, and nowhere else.
What only `run` needs, it imports: help is printed without Keras.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from keras_amto.invocation import import_whole_package

COMMANDS = ("train", "compare", "report", "serve")

# What a user can be told in a line. Anything else is a mistake of ours, which
# a traceback describes best.
_MISTAKES = (
    ImportError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: Those of the command line. Defaults to `sys.argv`.

    Returns:
        What the process should exit with: 0, or 1 after a message.
    """
    options = _parser().parse_args(arguments)
    try:
        import_whole_package()
        options.run(options)
    except _MISTAKES as error:
        if os.environ.get("KERAS_AMTO_DEBUG"):
            raise
        line = " ".join(str(error).split())
        print(f"keras_amto {options.command}: {line}", file=sys.stderr)
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras_amto",
        description="AMTO for Keras. Zhang, Qin, Pan, Sellis, IJCNN 2020.",
        epilog="KERAS_AMTO_DEBUG=1 shows where an error comes from.",
    )
    commands = parser.add_subparsers(
        dest="command", metavar="command", required=True, parser_class=_Parser
    )
    for name in COMMANDS:
        module: Any = importlib.import_module(f"keras_amto.cli.{name}")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
