"""Rebuilding what a run decided from its ledger alone."""

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Patience
from keras_amto.algorithm import initial_patience
from keras_amto.algorithm import initial_relationships
from keras_amto.algorithm import update_patience
from keras_amto.algorithm import update_relationships
from keras_amto.arguments import check_number
from keras_amto.arguments import check_share
from keras_amto.arguments import wrong_value
from keras_amto.ledger.ledger import Ledger
from keras_amto.ledger.lineage import Lineage


class Replay(NamedTuple):
    """The state of a run after its last round.

    Attributes:
        relationships: Float array of shape `(M, M)`.
        patience: Each task's best validation loss and how long it has waited.
        lineage: Who descends from whom.

    Example:

    ```python
    model.ledger.save("ledger.jsonl")
    relationships, patience, lineage = keras_amto.ledger.replay("ledger.jsonl")
    ```
    """

    relationships: npt.NDArray[np.float64]
    patience: Patience
    lineage: Lineage


def replay(
    path: str | os.PathLike[str],
    relationship_decay: float = 1.0,
    min_delta: float = 0.0,
) -> Replay:
    """Rebuilds relationships, patience and lineage from losses and donors.

    Only `donors`, `master_losses`, `shadow_losses` and `accepted` are read.
    The other fields of the records can be compared with the result.

    Args:
        path: A ledger of one call of `fit`, whole or cut short by a crash.
        relationship_decay: Float, as the model had it. Defaults to `1.0`.
        min_delta: Float, as the `AMTOCallback` had it. Defaults to `0.0`.

    Returns:
        A `Replay`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if the file holds no round or a broken line, or if an
            argument is out of range.

    Example:

    ```python
    model.ledger.save("ledger.jsonl")
    found = keras_amto.ledger.replay("ledger.jsonl")
    print(found.patience.wait)
    ```
    """
    decay = check_share(
        "relationship_decay", relationship_decay, zero=False, one=True
    )
    min_delta = check_number("min_delta", min_delta)
    ledger = Ledger.load(path)
    if not ledger:
        problem = "is a ledger without a round"
        raise wrong_value("path", os.fspath(path), problem, "at least one line")
    num_tasks = len(ledger[0].accepted)
    relationships = initial_relationships(num_tasks)
    patience = initial_patience(num_tasks)
    for record in ledger:
        losses, shadows = record.master_losses, record.shadow_losses
        if record.donors is not None and shadows is not None:
            relationships = update_relationships(
                relationships, record.donors, losses, shadows, decay
            )
            losses = np.where(record.accepted, shadows, losses)
        patience = update_patience(patience, losses, min_delta)
    return Replay(relationships, patience, Lineage(ledger))
