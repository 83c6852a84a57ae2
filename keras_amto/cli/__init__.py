"""The command line: `keras_amto <command>`.

Each command is a module of this package with `HELP` (one line), `EXAMPLES`,
`add_arguments(parser)` and `run(options)`. Only `run` imports Keras, so help is
printed without it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from keras_amto.cli import compare
from keras_amto.cli import predict
from keras_amto.cli import report
from keras_amto.cli import serve
from keras_amto.cli import train
from keras_amto.invocation import import_whole_package

COMMANDS = {
    "train": train, "predict": predict, "compare": compare, "report": report,
    "serve": serve,
}  # fmt: skip

COMPLETION = "print a script that completes this command in a shell"

# Errors that are told in one line. Any other is a bug, and needs a traceback.
_MISTAKES = (
    ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, by default that of `sys.argv`.

    Returns the exit status of the process: 0, or 1 after a message.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(arguments)
    options.arguments = arguments  # as they were given
    if os.getcwd() not in sys.path:  # where `python -m` looks for modules
        sys.path.insert(0, os.getcwd())
    try:
        import_whole_package()
        COMMANDS[options.command].run(options)
    except _MISTAKES as error:
        if os.environ.get("KERAS_AMTO_DEBUG"):
            raise
        line = " ".join(str(error).split())
        print(f"keras-amto {options.command}: {line}", file=sys.stderr)
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, without the usage of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras-amto",
        description="AMTO for Keras. Zhang, Qin, Pan, Sellis, IJCNN 2020.",
        epilog="KERAS_AMTO_DEBUG=1 shows where an error comes from.",
    )
    commands = parser.add_subparsers(
        dest="command", metavar="command", required=True, parser_class=_Parser
    )
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    _add_completion(parser)
    return parser


def _add_completion(parser: argparse.ArgumentParser) -> None:
    """Adds an option that prints a script for a shell, where shtab is there."""
    try:
        import shtab
    except ImportError:
        return
    shtab.add_argument_to(parser, "--print-completion", help=COMPLETION)
