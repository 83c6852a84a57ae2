"""The network and the optimizer that the user sees."""

import dataclasses
import hashlib
from typing import Any

import keras
import numpy as np

from keras_amto.engines import Replica
from keras_amto.engines import replica_optimizer_variables
from keras_amto.engines import to_numpy


@dataclasses.dataclass(eq=False)
class VisibleNetwork:
    """The network that answers for an `AMTOModel`, and its optimizer.

    During `fit` it holds a copy of the champion, afterwards the winner.
    """

    network: keras.Model
    optimizer: keras.optimizers.Optimizer | None = None  # `None` until compiled
    #: What this `fit` has last loaded, `None` before it loads anything.
    replica: Replica | None = None
    _digests: tuple[bytes, ...] = ()  # of the weights that `remember` took

    def load(self, replica: Replica) -> None:
        """Puts a replica into the network and the optimizer."""
        variables = (*self.network.weights, *self._optimizer_variables())
        values = (*replica.weights, *replica.optimizer)
        for variable, value in zip(variables, values, strict=True):
            if keras.config.backend() == "jax":
                # A variable holds the very array that it is given, and Keras
                # gives it away in the next step of its own.
                value = keras.ops.copy(value)
            variable.assign(value)
        self.replica = replica

    def optimizer_values(self) -> list[Any]:
        """Returns copies of what belongs to a replica of the optimizer."""
        return [to_numpy(v) for v in self._optimizer_variables()]

    def take_writes(self) -> dict[int, Any]:
        """Returns, by position, the weights that somebody else has written.

        From then on they count as loaded.
        """
        now = [to_numpy(variable) for variable in self.network.weights]
        if self.replica is None:
            before = self._digests or self._digests_now()
            self.remember()
            pairs = enumerate(zip(self._digests, before, strict=True))
            return {i: now[i] for i, (new, old) in pairs if new != old}
        loaded = self.replica.weights
        written = {
            i: new
            for i, (new, old) in enumerate(zip(now, loaded, strict=True))
            if new.tobytes() != np.asarray(old).tobytes()
        }
        self.replica = self.replica._replace(
            weights=tuple(written.get(i, old) for i, old in enumerate(loaded))
        )
        return written

    def remember(self) -> None:
        """Takes the weights for those that nobody has changed."""
        self.replica = None
        self._digests = self._digests_now()

    def was_changed(self) -> bool | None:
        """Returns whether the weights are others, `None` if none were taken."""
        return self._digests_now() != self._digests if self._digests else None

    def _digests_now(self) -> tuple[bytes, ...]:
        return tuple(
            hashlib.sha256(to_numpy(v).tobytes()).digest()
            for v in self.network.weights
        )

    def _optimizer_variables(self) -> tuple[keras.Variable, ...]:
        if self.optimizer is None:
            return ()
        return replica_optimizer_variables(self.optimizer)
