"""A directory of backups, of which each is whole or absent."""

import contextlib
import os
import pathlib
import warnings
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

import filelock

from keras_amto.backup.codec import BackupError
from keras_amto.backup.codec import decode
from keras_amto.backup.codec import encode

_SUFFIX = ".backup"


class BackupStore:
    """Writes backups beside their final name, and renames them when whole.

    The `keep` newest stay. `records` are the classes of records that backups
    are made of, and `files` the operating system's file functions: a test gives
    its own, to die at any of them.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        keep: int = 2,
        records: Collection[type] = (),
        files: Any = os,
    ) -> None:
        self.directory = pathlib.Path(directory)
        self._keep = keep
        self._records = records
        self._files = files
        self._lock = filelock.FileLock(self.directory / ".lock", blocking=False)

    def paths(self) -> list[pathlib.Path]:
        """Returns the backups that are there, the oldest first."""
        return sorted(self.directory.glob(f"*{_SUFFIX}"))

    def write(self, step: int, value: Any) -> None:
        """Adds what `encode` takes, then removes backups that are too old.

        Where that fails with an `OSError`, older backups are untouched.
        """
        files = self._files
        final = self.directory / f"{step:012d}{_SUFFIX}"
        beside = final.with_suffix(".writing")
        with self._explained("write a backup"):
            with self._open(
                beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            ) as descriptor:
                for part in encode(value, self._records):
                    rest = memoryview(part)
                    while rest:
                        rest = rest[files.write(descriptor, rest) :]
                files.fsync(descriptor)
            files.replace(beside, final)
            with self._open(self.directory, os.O_RDONLY) as descriptor:
                files.fsync(descriptor)
            for path in self.paths()[: -self._keep]:
                files.unlink(path)

    def read_newest(self) -> Any:
        """Reads the newest backup that is whole, `None` if there is none.

        A damaged one is passed over with a warning, unless all are.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                return decode(path.read_bytes(), self._records)
            except BackupError as error:
                warnings.warn(
                    f"The backup {path} is passed over: {error}.", stacklevel=2
                )
        if paths:
            raise BackupError(
                "No backup is whole, so training cannot continue. "
                f"Received: {len(paths)} damaged files in {self.directory}. "
                "Expected: one that is whole; delete them to start again."
            )
        return None

    def clear(self) -> None:
        """Removes all backups, and what was left of unfinished ones."""
        with self._explained("remove backups"):
            for path in [*self.paths(), *self.directory.glob("*.writing")]:
                self._files.unlink(path)

    def acquire(self) -> None:
        """Takes the directory for this process, until `release` or its end."""
        with self._explained("use the directory"):
            self.directory.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except filelock.Timeout as error:
                raise ValueError(
                    "Another run that is alive uses this backup directory. "
                    f"Received: backup_dir={str(self.directory)!r}. "
                    "Expected: a directory for each run."
                ) from error

    def release(self) -> None:
        """Gives the directory back."""
        self._lock.release()

    @contextlib.contextmanager
    def _open(self, path: pathlib.Path, flags: int) -> Iterator[int]:
        descriptor = self._files.open(path, flags, 0o644)
        try:
            yield descriptor
        finally:
            self._files.close(descriptor)

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                error.errno,
                f"Cannot {what}: {error.strerror}. "
                f"Received: backup_dir={str(self.directory)!r}. "
                "Expected: a directory that exists, can be written and has "
                "room. Training state is kept: the model holds the last round",
            ) from error
