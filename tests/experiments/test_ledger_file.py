"""The ledger of a run under way, on disk."""

from keras_amto import AMTOModel
from keras_amto.callbacks import RoundCallback
from keras_amto.experiments.ledger_file import LedgerFile
from keras_amto.ledger import Ledger
from tests.data import digits
from tests.networks import mlp


class Reader(RoundCallback):
    """Reads a ledger as each round ends."""

    def __init__(self, path):
        super().__init__()
        self.path, self.seen = path, []

    def on_round_end(self, round, record):
        self.seen.append(Ledger.load(self.path))


def fit(model, *callbacks, epochs=1, initial_epoch=0):
    x, y = digits(200)
    model.fit(
        x, y, batch_size=30, epochs=epochs, initial_epoch=initial_epoch,
        verbose=0, callbacks=callbacks,
    )  # fmt: skip


def new_model():
    model = AMTOModel(mlp(4), num_tasks=2, transfer_interval=2, seed=1)
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def test_the_file_holds_each_round_as_it_ends(tmp_path):
    path = tmp_path / "ledger.jsonl"
    Ledger().save(path)
    model, reader = new_model(), Reader(path)
    fit(model, LedgerFile(path), reader)
    assert reader.seen == [model.ledger[: i + 1] for i in range(3)]


def test_where_training_goes_on_the_rounds_before_come_first(tmp_path):
    model, path = new_model(), tmp_path / "ledger.jsonl"
    fit(model)
    fit(model, LedgerFile(path), epochs=2, initial_epoch=1)
    assert len(model.ledger) == 6
    assert Ledger.load(path) == model.ledger
