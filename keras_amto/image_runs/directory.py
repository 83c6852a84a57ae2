"""A run's directory, which is given a whole run or none."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

# All that a run can leave, with the page that `report` writes about it.
NAMES = (
    "settings.json",
    "ledger.jsonl",
    "finalists.json",
    "metrics.json",
    "history.json",
    "classes.txt",
    "winner.keras",
    "saved_model",
    "report.html",
)


@contextlib.contextmanager
def new_run(
    path: str | os.PathLike[str], overwrite: bool = False
) -> Iterator[pathlib.Path]:
    """Gives a place to write a run to, and moves it to its directory.

    An older run stays until the new one is complete.

    Args:
        path: The directory, made where it is not there.
        overwrite: Boolean, whether a run in it may be replaced. Files that are
            not of a run stay. Defaults to `False`.

    Yields:
        An empty directory.

    Raises:
        ValueError: if there is a run that may not be replaced.
        OSError: if the directory cannot be written to.
    """
    directory = pathlib.Path(path)
    present = [name for name in NAMES if (directory / name).exists()]
    if present and not overwrite:
        raise ValueError(
            f"The directory holds a run. Received: {os.fspath(path)!r} with "
            f"{', '.join(present)}. Expected: another directory, or "
            "--overwrite."
        )
    missing = [each for each in (directory, *directory.parents)
               if not each.exists()]  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    # Inside, so that it is on the same disk, and refused now if ever.
    place = pathlib.Path(tempfile.mkdtemp(prefix=".unfinished-", dir=directory))
    try:
        yield place
        for name in NAMES:
            _remove(directory / name)
        for entry in sorted(place.iterdir()):
            entry.replace(directory / entry.name)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else has used it
            for each in missing:
                each.rmdir()
        raise
    place.rmdir()


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
