"""What a run leaves: a record of every round, and what follows from them."""

from keras_amto.ledger.finalists import Finalists
from keras_amto.ledger.ledger import Ledger
from keras_amto.ledger.lineage import Lineage
from keras_amto.ledger.product import Product
from keras_amto.ledger.record import Record
from keras_amto.ledger.replay import Replay
from keras_amto.ledger.replay import replay

__all__ = [
    "Finalists",
    "Ledger",
    "Lineage",
    "Product",
    "Record",
    "Replay",
    "replay",
]
