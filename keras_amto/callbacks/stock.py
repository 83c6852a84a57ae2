"""How the callbacks that Keras ships behave on an `AMTOModel`."""

from collections.abc import Sequence

import keras

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


def refuse_unsupported(
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Raises for callbacks whose promise cannot be kept.

    Args:
        callbacks: The callbacks of a fit.

    Raises:
        TypeError: if something in the list is not a callback.
        ValueError: if a callback cannot work, naming what to use instead.
    """
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                f"`callbacks` holds something else. Received: {callback!r}. "
                "Expected: instances of keras.callbacks.Callback."
            )
        for refused, reason in _REFUSED.items():
            if isinstance(callback, refused):
                problem, expected = reason
                raise ValueError(
                    f"{refused.__name__} {problem}. "
                    f"Received: {callback!r} in `callbacks`. "
                    f"Expected: {expected}."
                )


def listens_to_batches(callback: keras.callbacks.Callback) -> bool:
    """Says whether a callback has to be called as often as was compiled.

    Args:
        callback: Any Keras callback.

    Returns:
        `True` if it overrides a batch hook. The progress bar is shown by other
        means, and a `ModelCheckpoint` that saves each epoch does nothing in
        its batch hook, so both count as not listening.
    """
    if isinstance(callback, keras.callbacks.ProgbarLogger):
        return False
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        return bool(callback.save_freq != "epoch")
    return any(
        name in vars(callback)  # as LambdaCallback sets them
        or getattr(type(callback), name)
        is not getattr(keras.callbacks.Callback, name)
        for name in _BATCH_HOOKS
    )


def may_write(callback: keras.callbacks.Callback) -> bool:
    """Says whether a callback may write into a network while it trains."""
    kind = type(callback)
    is_stock = getattr(keras.callbacks, kind.__name__, None) is kind
    return not is_stock or isinstance(callback, keras.callbacks.LambdaCallback)


def ends_on_nan(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Says whether a callback deals with NaN, so that `fit` does not raise."""
    return any(isinstance(c, keras.callbacks.TerminateOnNaN) for c in callbacks)


def overrides_winner(callback: keras.callbacks.Callback) -> bool:
    """Says whether a callback puts old weights back when training ends."""
    return isinstance(callback, keras.callbacks.EarlyStopping) and bool(
        callback.restore_best_weights
    )
