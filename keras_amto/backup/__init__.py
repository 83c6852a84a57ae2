"""Backups of a whole run, whole or absent."""

from keras_amto.backup.codec import BackupError
from keras_amto.backup.codec import decode
from keras_amto.backup.codec import encode
from keras_amto.backup.keeper import BackupKeeper
from keras_amto.backup.store import BackupStore

__all__ = ["BackupError", "BackupKeeper", "BackupStore", "decode", "encode"]
