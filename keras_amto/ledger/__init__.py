"""One record of every round: what happened, and what can be told from it."""

from keras_amto.ledger.finalists import Finalists
from keras_amto.ledger.lineage import Lineage
from keras_amto.ledger.records import Ledger
from keras_amto.ledger.records import Record
from keras_amto.ledger.replay import Replay
from keras_amto.ledger.replay import replay

__all__ = ["Finalists", "Ledger", "Lineage", "Record", "Replay", "replay"]
