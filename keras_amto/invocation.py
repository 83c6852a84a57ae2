"""Whether Python was started as the command `keras_amto`.

Keras finds the classes of a saved model only once they were imported, so
`import keras_amto` imports everything. The command alone does that later: it
answers `--help` without Keras.
"""

import importlib
import os
import re
import sys


def is_command_line() -> bool:
    """Returns whether this process is the command, and not another program.

    It is `python -m keras_amto` or one of the two console scripts. Python's own
    record of how it was started decides: a process that merely has the same
    arguments, or another program that was given them, is not the command.
    """
    count = len(sys.argv)
    if not 0 < count <= len(sys.orig_argv):
        return False
    started = sys.orig_argv[-count]
    if sys.argv[0] == "-m":  # as long as Python looks for the package
        pattern = r"(-[^m]*m)?keras_amto(\.__main__)?"
        return re.fullmatch(pattern, started) is not None
    return (
        started == sys.argv[0]
        and re.fullmatch(r"keras[_-]amto(\.exe)?", os.path.basename(started))
        is not None
        and os.path.isfile(started)
    )


_awaits_arguments = is_command_line()  # Python forgets its "-m" soon


def awaits_arguments() -> bool:
    """Returns whether this is the command, and has not read its arguments."""
    return _awaits_arguments


def import_whole_package() -> None:
    """Imports what `import keras_amto` has left out in the command."""
    global _awaits_arguments
    if _awaits_arguments:
        _awaits_arguments = False
        importlib.reload(sys.modules["keras_amto"])
