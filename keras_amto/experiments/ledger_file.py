"""The ledger of a run under way, on disk."""

import pathlib

from keras_amto.callbacks import RoundCallback
from keras_amto.ledger import Ledger
from keras_amto.ledger import Record


class LedgerFile(RoundCallback):
    """Appends each round to a file, so that a run can be watched.

    Where a run goes on from a backup, the rounds before it come first.
    """

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.path = path

    def on_round_end(self, round: int, record: Record) -> None:
        if not self.path.exists() or not self.path.stat().st_size:
            Ledger([*self.model.ledger[:round], record]).save(self.path)
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{record.to_json()}\n")
