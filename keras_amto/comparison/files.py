"""Files that are whole or absent."""

import os
import pathlib


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes beside a file's name and renames: no reader sees half of it.

    Args:
        path: Where to write; directories are made.
        content: What.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
