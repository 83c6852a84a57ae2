"""Whether this process is the command `keras_amto`.

Keras finds the classes of a saved model only if they were imported, so
`import keras_amto` imports everything. Only the command does so later: its help
needs neither Keras nor NumPy.
"""

import importlib
import os
import re
import sys


def is_command_line() -> bool:
    """Returns whether Python was started as `python -m keras_amto`, or as one
    of the two console scripts, according to its own record of its arguments."""
    if not 0 < len(sys.argv) <= len(sys.orig_argv):
        return False
    started = sys.orig_argv[-len(sys.argv)]
    if sys.argv[0] == "-m":  # while Python is looking for the package
        return bool(re.fullmatch(r"(-[^m]*m)?keras_amto(\.__main__)?", started))
    name = os.path.basename(started).removesuffix(".exe")
    return (
        started == sys.argv[0]
        and name in ("keras_amto", "keras-amto")
        and os.path.isfile(started)
    )


imports_later = is_command_line()


def import_whole_package() -> None:
    """Imports what `import keras_amto` has left out in the command."""
    global imports_later
    if imports_later:
        imports_later = False
        importlib.reload(sys.modules["keras_amto"])
