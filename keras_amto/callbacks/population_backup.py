"""Making an interrupted `fit` continue exactly where it was."""

import os

import keras

from keras_amto.arguments import check_boolean
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.arguments import wrong_value


class PopulationBackup(keras.callbacks.Callback):
    """Backs a run up, and continues it where a backup is found.

    A backup holds all that a run is made of: masters, shadows under way, best
    networks, optimizers, seed generators, relationships, patience, the ledger,
    the position in the data, and the state of callbacks. Run the same script
    again after it was killed, or call `fit` again after it was interrupted, and
    it goes on from the newest backup and ends with the result that it would
    have had: bit for bit on a CPU, with op determinism switched on
    (docs/reliability.md says what holds elsewhere).

    A backup is whole or absent: it is written beside its name, synced to the
    disk, and renamed. It carries a checksum; a damaged one is passed over with
    a warning and the one before is used. Writing goes on beside training; an
    error in it is raised by `fit`. `ledger.jsonl`, in the same directory, gets
    every round's record as the round ends. On SIGTERM the current execution is
    finished, a backup is written, and the process exits with status 143.

    Of the stock callbacks `EarlyStopping`, `ReduceLROnPlateau` and
    `ModelCheckpoint` continue with their state, and `CSVLogger` appends. A
    callback of your own continues if it has `get_state()`, which returns nested
    dicts and lists of arrays, numbers and strings, and `set_state(state)`.

    Args:
        backup_dir: Where to keep backups: one directory for each call of `fit`.
        save_freq: `"round"`, `"epoch"`, or an integer, at least 1: after so
            many steps. Defaults to `"round"`.
        keep: Integer, at least 1, how many of the newest to keep. Defaults to
            `2`.
        delete_checkpoint: Boolean, whether a completed `fit` removes its
            backups; the ledger stays. Defaults to `True`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument is out of range; by `fit`, if the backup was
            made with other settings or data, or if another run that is alive
            has the directory.

    Example:

    ```python
    model.fit(x, y, epochs=1000, callbacks=[
        keras_amto.AMTOCallback(patience=10),
        keras_amto.PopulationBackup("backups/run_1"),
    ])
    ```
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "round",
        keep: int = 2,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(save_freq, str):
            save_freq = check_integer("save_freq", save_freq, 1)
        elif save_freq not in ("round", "epoch"):
            expected = "'round', 'epoch' or an integer of at least 1"
            raise wrong_value("save_freq", save_freq, "is unknown", expected)
        self.backup_dir = check_path("backup_dir", backup_dir)
        self.save_freq = save_freq
        self.keep = check_integer("keep", keep, 1)
        self.delete_checkpoint = check_boolean(
            "delete_checkpoint", delete_checkpoint
        )
