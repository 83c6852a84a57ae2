"""The callbacks of one `fit`."""

import dataclasses
import numbers
import time
from collections.abc import Sequence
from typing import Any

import keras

from keras_amto.arguments import wrong_value
from keras_amto.callbacks.amto_callback import AMTOCallback
from keras_amto.callbacks.population_backup import PopulationBackup
from keras_amto.callbacks.round_callback import RoundCallback
from keras_amto.callbacks.stock import listens_to_batches
from keras_amto.callbacks.stock import may_write
from keras_amto.callbacks.stock import refuse_unsupported
from keras_amto.callbacks.tensor_board_rounds import TensorBoardRounds


@dataclasses.dataclass(frozen=True, eq=False)
class CallbackSet:
    """The callbacks that a user gave, and what follows from them."""

    settings: AMTOCallback  # the default where the user gave none
    backup: PopulationBackup | None
    others: Sequence[keras.callbacks.Callback]
    #: When the call of `fit` began, by `time.monotonic`.
    began: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def average_from(self) -> float | None:
        """After which share of the steps masters are averaged, if at all."""
        wanted = self.settings.answer != "winner"
        return self.settings.average_from if wanted else None

    @property
    def listens_to_batches(self) -> bool:
        """Whether executions follow the compiled `steps_per_execution`."""
        return any(map(listens_to_batches, (self.settings, *self.others)))

    @property
    def may_write(self) -> bool:
        """Whether a callback may write into the network that it is shown."""
        own = (each for each in self._users if each is not self.backup)
        return any(map(may_write, own))

    @property
    def ends_on_nan(self) -> bool:
        """Whether NaN ends training without an error."""
        return self._has(keras.callbacks.TerminateOnNaN)

    @property
    def follows_rounds(self) -> bool:
        """Whether a callback of the user's is told of rounds."""
        return any(isinstance(each, RoundCallback) for each in self._users)

    @property
    def overrides_winner(self) -> bool:
        """Whether a callback puts old weights back when training ends."""
        return any(
            isinstance(each, keras.callbacks.EarlyStopping)
            and each.restore_best_weights
            for each in self.others
        )

    @property
    def _users(self) -> Sequence[keras.callbacks.Callback]:
        """What may hold code of the user's, as a subclass does."""
        if type(self.settings) is AMTOCallback:
            return self.others
        return [self.settings, *self.others]

    def _has(self, kind: type[keras.callbacks.Callback]) -> bool:
        return any(isinstance(each, kind) for each in self.others)

    def as_list(
        self, verbose: Any, **params: Any
    ) -> keras.callbacks.CallbackList:
        """Makes the list that `fit` calls, with what Keras' own list takes.

        The `AMTOCallback` comes first, the bar and the history last.
        """
        callbacks = [self.settings, *self.others]
        callbacks += [
            TensorBoardRounds(each.log_dir)
            for each in callbacks
            if isinstance(each, keras.callbacks.TensorBoard)
        ]
        if not _only(callbacks, keras.callbacks.ProgbarLogger) and verbose != 0:
            callbacks.append(keras.callbacks.ProgbarLogger())
        return keras.callbacks.CallbackList(
            callbacks, add_history=True, verbose=verbose, **params
        )


def read_callbacks(callbacks: Any, verbose: Any) -> CallbackSet:
    """Reads what a user gave as `callbacks`, and checks both arguments."""
    # Only what can be compared with them: an array would be, item by item.
    known = isinstance(verbose, str | numbers.Real)
    if not known or verbose not in ("auto", 0, 1, 2):
        expected = "'auto', 0, 1 or 2"
        raise wrong_value("verbose", verbose, "is unknown", expected)
    if isinstance(callbacks, keras.callbacks.CallbackList):
        given = list(callbacks.callbacks)
    else:
        given = [] if callbacks is None else keras.tree.flatten(callbacks)
    refuse_unsupported(given)
    return CallbackSet(
        settings=_only(given, AMTOCallback) or AMTOCallback(patience=None),
        backup=_only(given, PopulationBackup),
        others=[each for each in given if not isinstance(each, AMTOCallback)],
    )


def _only(callbacks: Sequence[Any], kind: type) -> Any:
    """The one callback of a kind, or `None`."""
    found = [each for each in callbacks if isinstance(each, kind)]
    if len(found) > 1:
        raise ValueError(
            f"A fit has one {kind.__name__} at most. "
            f"Received: {len(found)} in `callbacks`. Expected: at most one."
        )
    return found[0] if found else None
