"""Backing up one `fit` while it runs."""

import concurrent.futures
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any
from typing import NoReturn

from keras_amto.backup.store import BackupStore
from keras_amto.ledger import Ledger
from keras_amto.ledger import Record

LEDGER = "ledger.jsonl"


class BackupKeeper:
    """Writes backups of one `fit`, beside training.

    A context manager: it holds the directory and the handler of SIGTERM while
    it is open.

    Args:
        store: Where backups go.
        save_freq: `"round"`, `"epoch"`, or an integer: after so many steps.
        delete: Whether a completed `fit` removes its backups.
        fingerprint: What has to be equal for a run to continue, by name.
    """

    def __init__(
        self,
        store: BackupStore,
        save_freq: str | int,
        delete: bool,
        fingerprint: dict[str, Any],
    ) -> None:
        self.terminated = False  # whether SIGTERM has come to this process
        # After how many steps to look, `None` for where training is cut anyway.
        self.every = save_freq if isinstance(save_freq, int) else None
        self._store = store
        self._save_freq = save_freq
        self._delete = delete
        self._fingerprint = fingerprint
        self._executor = concurrent.futures.ThreadPoolExecutor(
            1, thread_name_prefix="keras_amto_backup"
        )
        self._writing: concurrent.futures.Future[None] | None = None
        self._ledger = -1
        self._previous_handler: Any = None

    def __enter__(self) -> "BackupKeeper":
        self._store.acquire()
        # Python allows handlers in the main thread alone.
        if threading.current_thread() is threading.main_thread():
            # `None` stands for a handler that Python knows nothing of.
            self._previous_handler = (
                signal.signal(signal.SIGTERM, self._on_sigterm)
                or signal.SIG_DFL
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, *details: object
    ) -> None:
        if self._previous_handler is not None:
            signal.signal(signal.SIGTERM, self._previous_handler)
        self._executor.shutdown()
        if self._ledger >= 0:
            os.close(self._ledger)
        try:
            if kind is None:
                self._finish_writing()
                if self.terminated:
                    self.leave()  # what comes after `fit` may take long
                if self._delete:
                    self._store.clear()
        finally:
            self._store.release()

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        # Set here alone: it may come at any instant.
        self.terminated = True

    def load(self) -> Any:
        """Returns what `save` was given, or `None` where a run begins.

        A backup of another run than this one is refused with a `ValueError`.
        """
        value = self._store.read_newest()
        if value is None:
            return None
        for name, expected in value["fingerprint"].items():
            received = self._fingerprint.get(name)
            if received != expected:
                raise ValueError(
                    f"The backup in {str(self._store.directory)!r} was made "
                    f"with another `{name}`. "
                    f"Received: {name}={received!r}. "
                    f"Expected: {name}={expected!r}, as in the backup; or "
                    "another directory, or none of its files, to start again."
                )
        return value["fit"]

    def begin_ledger(self, records: Sequence[Record]) -> None:
        """Writes the ledger so far, to which rounds are then appended."""
        path = self._store.directory / LEDGER
        beside = pathlib.Path(f"{path}.writing")
        Ledger(records).save(beside)
        os.replace(beside, path)
        if self._ledger >= 0:  # of a run that starts again from a copy
            os.close(self._ledger)
        self._ledger = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, record: Record) -> None:
        """Appends one round to the ledger, in one write, synced."""
        os.write(self._ledger, (record.to_json() + "\n").encode())
        os.fsync(self._ledger)

    def is_due(self, step: int, ends_round: bool, ends_epoch: bool) -> bool:
        """Says whether it is time for a backup after so many steps."""
        if self.every is not None:
            return step % self.every == 0
        return ends_epoch if self._save_freq == "epoch" else ends_round

    def save(self, step: int, state: Any) -> None:
        """Begins to write a state, which must not change meanwhile.

        It waits for the backup before, and raises the `OSError` if that could
        not be written.
        """
        self._finish_writing()
        value = {"fingerprint": self._fingerprint, "fit": state}
        self._writing = self._executor.submit(self._store.write, step, value)

    def leave(self) -> NoReturn:
        """Ends the process after SIGTERM, once the last backup is written."""
        self._finish_writing()
        directory = self._store.directory
        outcome = (
            f"is backed up in {directory} and continues"
            if self._store.paths()  # none: it came as the first round ended
            else f"has no backup in {directory} yet and starts again"
        )
        print(
            f"SIGTERM: training {outcome} when started again.", file=sys.stderr
        )
        raise SystemExit(128 + signal.SIGTERM)

    def _finish_writing(self) -> None:
        """Waits for the writer, and raises what went wrong there."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
