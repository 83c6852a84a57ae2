"""What a command prints, for people or for scripts."""

import contextlib
import json
import sys
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def standard_output(as_json: bool) -> Iterator[Callable[[Any], None]]:
    """Yields a function that is given what a command has found.

    For scripts it prints that as one JSON document, and all that is printed
    meanwhile goes to the standard error; for people it does nothing.
    """
    if not as_json:
        yield lambda found: None
        return
    stdout = sys.stdout

    def show(found: Any) -> None:
        print(json.dumps(found, indent=2, default=str), file=stdout)

    with contextlib.redirect_stdout(sys.stderr):
        yield show
