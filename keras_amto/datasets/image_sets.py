"""A gross training set and a test set of images, and how they are made."""

import math
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream


class ImageSets(NamedTuple):
    """Images to train on and to test with.

    Attributes:
        train: The gross training set, a `tf.data.Dataset` of batches of images
            (uint8, RGB) and class indices, always in the same order.
        test: The test set likewise, or `None` if none was asked for.
        class_names: The names of the classes by index.
    """

    train: Any
    test: Any
    class_names: tuple[str, ...]


def draw_test_set(size: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Returns a random boolean mask of the test set, rounded up to samples."""
    # Rounded before the ceiling: 2100 * 0.2 is 420.00000000000006.
    count = math.ceil(round(size * share, 6))
    order = random_stream(seed, Purpose.TEST_SPLIT).permutation(size)
    drawn = np.zeros(size, dtype=np.bool_)
    drawn[order[:count]] = True
    return drawn


def batched_images(encoded: Any, image_size: int, batch_size: int) -> Any:
    """Decodes, resizes and batches `(bytes of a file, class index)`.

    Images become square, as in the paper. Pixels stay bytes, a quarter of the
    memory of floats.
    """
    # Imported here: the package works without it on other backends.
    import tensorflow as tf

    def decode(content: Any, label: Any) -> tuple[Any, Any]:
        image = tf.io.decode_image(content, 3, expand_animations=False)
        image.set_shape((None, None, 3))
        size = (image_size, image_size)
        image = tf.image.resize(image, size, antialias=True)
        return tf.saturate_cast(tf.round(image), tf.uint8), label

    return (
        encoded.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )
