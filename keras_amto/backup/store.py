"""A directory of backups, of which each is whole or absent."""

import contextlib
import errno
import os
import pathlib
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from typing import IO
from typing import Any

from keras_amto.backup.codec import BackupError
from keras_amto.backup.codec import decode
from keras_amto.backup.codec import encode

_SUFFIX = ".backup"


class BackupStore:
    """Writes backups beside their final name, and renames them when whole.

    Args:
        directory: Where backups lie; made where it is absent.
        keep: Integer, at least 1, how many of the newest to keep.
        files: The operating system's file functions. A test gives its own, to
            die at any of them.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        keep: int = 2,
        files: Any = os,
    ) -> None:
        self.directory = pathlib.Path(directory)
        self._keep = keep
        self._files = files
        self._lock: IO[str] | None = None

    def paths(self) -> list[pathlib.Path]:
        """The backups that are there, the oldest first."""
        return sorted(self.directory.glob(f"*{_SUFFIX}"))

    def write(self, step: int, value: Any) -> None:
        """Adds a backup, then removes those that are too old.

        Args:
            step: Integer, at least 0, which orders backups.
            value: What `encode` takes.

        Raises:
            OSError: if it cannot be written, naming the directory. Older
                backups are then untouched.
        """
        files = self._files
        final = self.directory / f"{step:012d}{_SUFFIX}"
        beside = final.with_suffix(".writing")
        with self._explained("write a backup"):
            descriptor = files.open(
                beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644
            )
            try:
                for part in encode(value):
                    _write_all(files, descriptor, part)
                files.fsync(descriptor)
            finally:
                files.close(descriptor)
            files.replace(beside, final)
            self._sync_directory()
            for path in self.paths()[: -self._keep]:
                files.unlink(path)

    def read_newest(self) -> Any:
        """Reads the newest backup that is whole.

        Returns:
            Its value; `None` where there is no backup at all. One that is
            damaged is passed over with a warning.

        Raises:
            BackupError: if there are backups, but none of them is whole.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                return decode(path.read_bytes())
            except BackupError as error:
                warnings.warn(
                    f"The backup {path} is passed over: {error}.", stacklevel=2
                )
        if paths:
            raise BackupError(
                "No backup is whole, so training cannot continue. "
                f"Received: {len(paths)} damaged files in {self.directory}. "
                "Expected: one that is whole; delete them to begin anew."
            )
        return None

    def read_common(self, exchange: Callable[[Any], list[Any]]) -> Any:
        """Reads the newest backup that is whole in every worker process.

        Newer ones, which others lack, are removed: what others write by their
        names from now on need not be of the same numbers.

        Args:
            exchange: Gives all processes the values of all.

        Returns:
            Its value; `None` where training begins.

        Raises:
            BackupError: if there were backups that not all processes have.
        """
        whole = {}
        for path in self.paths():
            with contextlib.suppress(BackupError):
                decode(path.read_bytes())
                whole[int(path.stem)] = path
        of_all = exchange(sorted(whole))
        common = set.intersection(*map(set, of_all))
        if common:
            newest = max(common)
            for path in self.paths():
                if int(path.stem) > newest:  # of a life that is over
                    self._files.unlink(path)
            return decode(whole[newest].read_bytes())
        if max(map(len, of_all)) > 1:
            raise BackupError(
                "No backup is whole in every worker process, so training "
                f"cannot continue. Received: backups of steps {of_all}, by "
                "worker. Expected: one that all have; delete all of them to "
                "begin anew."
            )
        # Killed as the first was written: not all have it.
        self.clear()
        return None

    def clear(self) -> None:
        """Removes all backups, and what was left of unfinished ones."""
        with self._explained("remove backups"):
            for path in [*self.paths(), *self.directory.glob("*.writing")]:
                self._files.unlink(path)

    def acquire(self) -> None:
        """Takes the directory for this process, until `release` or its end.

        Raises:
            ValueError: if another run that is alive has it.
            OSError: if the directory cannot be used.
        """
        # Not on every system: who only imports the package does not need it.
        import fcntl

        path = self.directory / "lock"
        with self._explained("use the directory"):
            self.directory.mkdir(parents=True, exist_ok=True)
            # Open until `release`, or until the process ends.
            lock = open(path, "a", encoding="ascii")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise ValueError(
                "Another run that is alive uses this backup directory. "
                f"Received: backup_dir={str(self.directory)!r}. "
                "Expected: a directory for each run."
            ) from error
        self._lock = lock
        if not path.exists() or not os.path.samestat(
            os.fstat(lock.fileno()), path.stat()
        ):  # removed by a run that ended in between
            lock.close()
            self.acquire()

    def release(self) -> None:
        """Gives the directory back."""
        if self._lock is not None:
            # Before it is closed: nobody may take a lock that is about to go.
            with contextlib.suppress(OSError):
                (self.directory / "lock").unlink()
            self._lock.close()
            self._lock = None

    def _sync_directory(self) -> None:
        descriptor = self._files.open(self.directory, os.O_RDONLY)
        try:
            self._files.fsync(descriptor)
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


def _write_all(files: Any, descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[files.write(descriptor, view) :]
