"""How the callbacks that Keras ships behave on an `AMTOModel`."""

import copy
from collections.abc import Sequence
from typing import Any

import keras
from keras.callbacks import Callback

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)

_REFUSED = {
    keras.callbacks.SwapEMAWeights: (
        "swaps the weights of one network with their moving averages, but "
        "AMTO trains 2M networks",
        "an optimizer with `use_ema=True` alone; the winner then has the "
        "averaged weights",
    ),
    keras.callbacks.BackupAndRestore: (
        "saves one network and would lose the other tasks, the shadows and "
        "the relationships",
        "keras_amto.PopulationBackup, which continues exactly",
    ),
}

# What they keep between epochs. Names that begin with an underscore are Keras'
# own; a test notices when they move.
_KEPT = {
    keras.callbacks.EarlyStopping: (
        "wait",
        "stopped_epoch",
        "best",
        "best_weights",
        "best_epoch",
    ),
    keras.callbacks.History: ("epoch", "history"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
}


def refuse_unsupported(callbacks: Sequence[Any]) -> None:
    """Raises for callbacks whose promise cannot be kept."""
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"`callbacks` holds something else. Received: {callback!r}. "
                "Expected: instances of keras.callbacks.Callback."
            )
        for refused, (problem, expected) in _REFUSED.items():
            if isinstance(callback, refused):
                raise ValueError(
                    f"{refused.__name__} {problem}. "
                    f"Received: {callback!r} in `callbacks`. "
                    f"Expected: {expected}."
                )


def listens_to_batches(callback: Callback) -> bool:
    """Says whether a callback has to be called as often as was compiled."""
    if isinstance(callback, keras.callbacks.ProgbarLogger):
        return False  # the bar is moved by other means
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        return bool(callback.save_freq != "epoch")  # else its hook does nothing
    return any(
        name in vars(callback)  # as LambdaCallback sets them
        or getattr(type(callback), name) is not getattr(Callback, name)
        for name in _BATCH_HOOKS
    )


def may_write(callback: Callback) -> bool:
    """Says whether a callback may write into a network while it trains."""
    kind = type(callback)
    is_stock = getattr(keras.callbacks, kind.__name__, None) is kind
    return not is_stock or isinstance(callback, keras.callbacks.LambdaCallback)


def append_to_files(callbacks: Sequence[Callback]) -> None:
    """Keeps files that `on_train_begin` of a callback would overwrite."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CSVLogger):
            callback.append = True


def states_of(callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Returns the state of each callback that has any, by place and kind."""
    return {
        name: _state_of(callback)
        for name, callback in _with_state(callbacks).items()
    }


def restore_states(
    callbacks: Sequence[Callback], states: dict[str, Any]
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
            setattr(callback, attribute, copy.deepcopy(value))


def _with_state(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    found = [c for c in callbacks if _state_of(c) is not None]
    return {f"{i} {type(c).__name__}": c for i, c in enumerate(found)}


def _state_of(callback: Callback) -> Any:
    # Copies: they are written while training goes on.
    if hasattr(callback, "get_state"):
        return copy.deepcopy(callback.get_state())
    for kind, names in _KEPT.items():
        if isinstance(callback, kind):
            state = {name: _plain(getattr(callback, name)) for name in names}
            return copy.deepcopy(state)
    return None


def _plain(value: Any) -> Any:
    is_tensor = keras.ops.is_tensor(value)
    return keras.ops.convert_to_numpy(value) if is_tensor else value
