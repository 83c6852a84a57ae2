"""Backing up one `fit` while it runs."""

import concurrent.futures
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from types import TracebackType
from typing import Any
from typing import NoReturn

from keras_amto.backup.run_state import RunState
from keras_amto.backup.run_state import from_value
from keras_amto.backup.run_state import to_value
from keras_amto.backup.store import BackupStore
from keras_amto.engines import Engine
from keras_amto.ledger import Ledger
from keras_amto.ledger import Record
from keras_amto.schedule import Execution

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
        engine: Turns replicas into arrays and back.
        exchange: Gives all worker processes the values of all, where there are
            several. They continue from the newest backup that all have.
    """

    def __init__(
        self,
        store: BackupStore,
        save_freq: str | int,
        delete: bool,
        fingerprint: dict[str, Any],
        engine: Engine,
        exchange: Callable[[Any], list[Any]] | None = None,
    ) -> None:
        self._store = store
        self._save_freq = save_freq
        self._delete = delete
        self._fingerprint = fingerprint
        self._engine = engine
        self._exchange = exchange
        self._executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._writing: concurrent.futures.Future[None] | None = None
        self._ledger = -1
        self._previous_handler: Any = None
        self._terminated = False

    @property
    def terminated(self) -> bool:
        """Whether SIGTERM has come to this process."""
        return self._terminated

    @property
    def every(self) -> int | None:
        """After how many steps to look, `None` for where training is cut
        anyway."""
        return self._save_freq if isinstance(self._save_freq, int) else None

    def __enter__(self) -> "BackupKeeper":
        self._store.acquire()
        self._executor = concurrent.futures.ThreadPoolExecutor(
            1, thread_name_prefix="keras_amto_backup"
        )
        # Python allows handlers in the main thread alone.
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(
                signal.SIGTERM, self._on_sigterm
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._previous_handler is not None:
            signal.signal(signal.SIGTERM, self._previous_handler)
            self._previous_handler = None
        if self._executor is not None:
            self._executor.shutdown()
        if self._ledger >= 0:
            os.close(self._ledger)
            self._ledger = -1
        try:
            if error is None:
                self._finish_writing()
                if self._engine.any_of([self._terminated])[0]:
                    self._leave()  # what comes after `fit` may take long
                if self._delete:
                    self._store.clear()
        finally:
            self._store.release()

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        # Set here alone: it may come at any instant.
        self._terminated = True

    def load(self) -> RunState | None:
        """Returns the run to continue, or `None` to begin one.

        Raises:
            ValueError: if the backup was made by another run than this.
        """
        if self._exchange is None:
            value = self._store.read_newest()
        else:
            value = self._store.read_common(self._exchange)
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
                    "another directory, or none of its files, to begin anew."
                )
        return from_value(value["run"], self._engine)

    def begin_ledger(self, records: list[Record]) -> None:
        """Writes the ledger so far, to which rounds are then appended."""
        path = self._store.directory / LEDGER
        beside = pathlib.Path(f"{path}.writing")
        Ledger(records).save(beside)
        os.replace(beside, path)
        self._ledger = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, record: Record) -> None:
        """Appends one round to the ledger, in one write, synced."""
        os.write(self._ledger, (record.to_json() + "\n").encode())
        os.fsync(self._ledger)

    def after(
        self,
        execution: Execution,
        step: int,
        capture: Callable[[], RunState],
        terminated: bool,
    ) -> None:
        """Backs up after an execution, if it is time.

        Args:
            execution: The execution that is done.
            step: Integer, the steps of this `fit` that are done.
            capture: Returns the state to continue from: that of the run, or
                that before the execution if it cuts a round short.
            terminated: Boolean, whether SIGTERM has come to any process.

        Raises:
            SystemExit: after SIGTERM, when the backup is written.
            OSError: if this or the last backup could not be written.
        """
        if terminated or self._is_due(execution, step):
            self._save(capture())
        if terminated:
            self._finish_writing()
            self._leave()

    def _is_due(self, execution: Execution, step: int) -> bool:
        if execution.cuts_round:
            return False
        if self.every is not None:
            return step % self.every == 0
        if self._save_freq == "epoch":
            return execution.ends_epoch
        return execution.ends_round

    def _leave(self) -> NoReturn:
        directory = self._store.directory
        outcome = (
            f"is backed up in {directory} and continues"
            if self._store.paths()  # none: it came as the first round ended
            else f"has no backup in {directory} yet and begins anew"
        )
        print(
            f"SIGTERM: training {outcome} when started again.", file=sys.stderr
        )
        raise SystemExit(128 + signal.SIGTERM)

    def _save(self, state: RunState) -> None:
        self._finish_writing()
        if self._exchange is not None:
            # Once all have answered, all have written the last one, so those
            # before may go. It waits for nothing that training does not.
            self._exchange("written")
        if self._executor is None:
            raise RuntimeError("Backups are written within a `with` alone.")
        # A replica never changes, so it can be written while training goes on.
        self._writing = self._executor.submit(self._write, state)

    def _write(self, state: RunState) -> None:
        value = {
            "fingerprint": self._fingerprint,
            "run": to_value(state, self._engine),
        }
        self._store.write(state.now.step, value)

    def _finish_writing(self) -> None:
        """Waits for the writer, and raises what went wrong there."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
