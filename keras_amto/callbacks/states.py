"""The state of callbacks, where they have any."""

import copy
from collections.abc import Sequence
from typing import Any

import keras

# What the stock callbacks keep between epochs. Names that begin with an
# underscore are Keras' own; a test notices when they move.
_KEPT = {
    keras.callbacks.EarlyStopping: (
        "wait",
        "stopped_epoch",
        "best",
        "best_weights",
        "best_epoch",
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
}


def states_of(
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, Any]:
    """Returns the state of each callback that has any, by name."""
    return {
        name: _state_of(callback)
        for name, callback in _with_state(callbacks).items()
    }


def _with_state(
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, keras.callbacks.Callback]:
    """Callbacks that have a state, by their place among these and kind."""
    found = [c for c in callbacks if _state_of(c) is not None]
    return {f"{i} {type(c).__name__}": c for i, c in enumerate(found)}


def _state_of(callback: keras.callbacks.Callback) -> Any:
    if hasattr(callback, "get_state"):
        # A copy: it is written while training goes on.
        return copy.deepcopy(callback.get_state())
    for kind, names in _KEPT.items():
        if isinstance(callback, kind):
            return {name: _plain(getattr(callback, name)) for name in names}
    return None


def append_to_files(callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Keeps files that `on_train_begin` of a callback would overwrite."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CSVLogger):
            callback.append = True


def restore_states(
    callbacks: Sequence[keras.callbacks.Callback], states: dict[str, Any]
) -> None:
    """Gives callbacks the state that `states_of` found.

    Raises:
        ValueError: if the callbacks are not those of the backup.
    """
    found = _with_state(callbacks)
    if set(found) != set(states):
        raise ValueError(
            "The backup was made with other callbacks that have a state. "
            f"Received: {sorted(found)}. Expected: {sorted(states)}."
        )
    for name, callback in found.items():
        if hasattr(callback, "set_state"):
            callback.set_state(states[name])
            continue
        for attribute, value in states[name].items():
            setattr(callback, attribute, value)


def _plain(value: Any) -> Any:
    return (
        keras.ops.convert_to_numpy(value)
        if keras.ops.is_tensor(value)
        else value
    )
