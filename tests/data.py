"""Real data, small: the digits that come with scikit-learn."""

import functools

import numpy as np
from sklearn.datasets import load_digits


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y.astype("int64")


def digits(size: int = 1797) -> tuple[np.ndarray, np.ndarray]:
    """Returns images of shape (size, 64) in [0, 1] and their classes."""
    x, y = _digits()
    return x[:size].copy(), y[:size].copy()


def digit_images(size: int, side: int, channels: int = 3) -> tuple:
    """Returns digits as images of another size, by repeating pixels."""
    x, y = digits(size)
    images = x.reshape(-1, 8, 8, 1)
    repeat = -(-side // 8)
    images = images.repeat(repeat, axis=1).repeat(repeat, axis=2)
    return images[:, :side, :side].repeat(channels, axis=3), y
