"""A Keras callback that is also told of rounds."""

import keras

from keras_amto.ledger import Record


class RoundCallback(keras.callbacks.Callback):
    """Base class of callbacks that follow the rounds of an `AMTOModel`.

    All hooks of `keras.callbacks.Callback` work as usual; on a model that is
    not an `AMTOModel`, the two below are never called.

    Example:

    ```python
    class PrintTransfers(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            print(round, record.accepted)
    ```
    """

    def on_round_begin(self, round: int) -> None:
        """Called before donors are drawn.

        Args:
            round: Integer, counted from 0 over the life of the model.
        """

    def on_round_end(self, round: int, record: Record) -> None:
        """Called after transfers were determined.

        Setting `self.model.stop_training = True` here ends training.

        Args:
            round: Integer, as in `on_round_begin`.
            record: What the ledger holds of the round.
        """
