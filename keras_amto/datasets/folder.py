"""Any tree of class folders, as a training set and a test set of images."""

import math
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import random_stream
from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.arguments import check_share
from keras_amto.arguments import check_text
from keras_amto.arguments import wrong_type
from keras_amto.arguments import wrong_value

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


class ImageSets(NamedTuple):
    """Images to train on and to test with.

    Attributes:
        train: The gross training set, a `tf.data.Dataset` of batches of images
            (uint8, RGB) and class indices, always in the same order.
        test: The test set likewise, or `None` if none was asked for.
        class_names: The names of the classes by index.

    Example:

    ```python
    sets = keras_amto.datasets.load_folder("photos", 96)
    print(sets.class_names)
    for images, labels in sets.train.take(1):
        print(images.shape)
    ```
    """

    train: Any
    test: Any
    class_names: tuple[str, ...]


def load_folder(
    path: str | os.PathLike[str],
    image_size: int = 224,
    seed: int = 0,
    *,
    test_split: float = 0.2,
    class_names: Sequence[str] | None = None,
    batch_size: int = 64,
) -> ImageSets:
    """Loads a folder that holds a folder of images for each class.

    Only file names are read now; images are read when they are needed.

    Args:
        path: The folder. Images are `.bmp`, `.gif` (the first frame), `.jpeg`,
            `.jpg` and `.png` files anywhere in a class folder.
        image_size: Integer, pixels a side. Defaults to `224`.
        seed: Integer, at least 0, which draws the test set. Defaults to `0`.
        test_split: Float in [0, 1), the share of the test set, drawn at random.
            Defaults to `0.2`.
        class_names: Names of the class folders, in the order of their indices.
            Defaults to `None`, all folders in alphabetical order.
        batch_size: Integer. Defaults to `64`.

    Returns:
        An `ImageSets`; its datasets have `file_paths`, the path of each sample.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if an argument is out of range, or if the folder, a class
            folder or its images are missing.

    Example:

    ```python
    train, test, class_names = keras_amto.datasets.load_folder("photos", 96)
    model.fit(train, epochs=10)
    model.evaluate(test)
    ```
    """
    # Imported here: the package works without it on other backends.
    import tensorflow as tf

    image_size = check_integer("image_size", image_size, 1)
    seed = check_integer("seed", seed, 0)
    test_split = check_share("test_split", test_split, zero=True)
    batch_size = check_integer("batch_size", batch_size, 1)
    root = pathlib.Path(check_path("path", path))
    if class_names is not None:
        _check_names(class_names)
    names = _find_classes(root, class_names)
    files, labels = [], []
    for label, name in enumerate(names):
        found = find_images(root / name)
        files += found
        labels += [label] * len(found)
    tests = draw_test_set(len(files), test_split, seed)
    if tests.all():
        raise ValueError(
            "The test split leaves nothing to train on. "
            f"Received: test_split={test_split} of {len(files)} images. "
            "Expected: a float in [0, 1), and more images."
        )

    def dataset(part: npt.NDArray[np.bool_]) -> Any:
        paths = np.array(files)[part]
        encoded = tf.data.Dataset.from_tensor_slices(
            (paths, np.array(labels)[part])
        ).map(
            lambda path, label: (tf.io.read_file(path), label),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        dataset = batched_images(encoded, image_size, batch_size)
        # As `keras.utils.image_dataset_from_directory` does; errors name files.
        dataset.file_paths = paths.tolist()
        return dataset

    test = dataset(tests) if tests.any() else None
    return ImageSets(dataset(~tests), test, names)


def _check_names(names: Any) -> None:
    expected = "at least two different names of folders"
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise wrong_type("class_names", names, "a list", expected)
    names = [check_text("class_names", name, expected) for name in names]
    if len(names) < 2 or len(set(names)) < len(names):
        raise wrong_value("class_names", names, "cannot be used", expected)


def _find_classes(
    root: pathlib.Path, expected: Sequence[str] | None
) -> tuple[str, ...]:
    if not root.is_dir():
        raise ValueError(
            f"There is no such folder. Received: path={os.fspath(root)!r}. "
            "Expected: a folder that holds a folder of images for each class."
        )
    folders = (entry.name for entry in root.iterdir() if entry.is_dir())
    found = sorted(name for name in folders if not name.startswith("."))
    missing = [name for name in expected or () if name not in found]
    if missing:
        raise ValueError(
            f"Class folders are missing in {os.fspath(root)!r}: {missing}. "
            f"Received: folders {found}. "
            f"Expected: class_names={list(expected or ())}."
        )
    if len(found) < 2:
        raise ValueError(
            "The folder holds fewer than two class folders. "
            f"Received: path={os.fspath(root)!r} with folders {found}. "
            "Expected: a folder of images for each class."
        )
    return tuple(expected or found)


def find_images(folder: pathlib.Path) -> list[str]:
    """Returns the paths of all images in a folder, or raises."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    images = [os.fspath(p) for p in files if p.suffix.lower() in SUFFIXES]
    if not images:
        raise ValueError(
            f"The class folder {os.fspath(folder)!r} holds no image. "
            f"Received: {len(files)} files, with endings "
            f"{sorted({path.suffix for path in files})}. "
            f"Expected: files with endings among {SUFFIXES}."
        )
    return images


def draw_test_set(size: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Returns a random boolean mask of the test set, rounded up to samples."""
    # Rounded before the ceiling: 2100 * 0.2 is 420.00000000000006.
    count = math.ceil(round(size * share, 6))
    order = random_stream(seed, Purpose.TEST_SPLIT).permutation(size)
    drawn = np.zeros(size, dtype=np.bool_)
    drawn[order[:count]] = True
    return drawn


def read_images(paths: Sequence[str], image_size: int) -> npt.NDArray[Any]:
    """Reads files as `load_folder` does: bytes of shape `(n, side, side, 3)`.

    Raises a ValueError that names the file that cannot be decoded.
    """
    import tensorflow as tf

    images = []
    for path in paths:
        try:
            content = tf.io.read_file(path)
            images.append(_decode(content, image_size).numpy())
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"The image cannot be decoded. Received: {path!r}. "
                f"Expected: a file with an ending among {SUFFIXES}."
            ) from error
    return np.stack(images)


def _decode(content: Any, image_size: int) -> Any:
    import tensorflow as tf

    image = tf.io.decode_image(content, 3, expand_animations=False)
    image.set_shape((None, None, 3))
    size = (image_size, image_size)
    image = tf.image.resize(image, size, antialias=True)
    return tf.saturate_cast(tf.round(image), tf.uint8)


def batched_images(encoded: Any, image_size: int, batch_size: int) -> Any:
    """Decodes, resizes and batches `(bytes of a file, class index)`.

    Images become square, as in the paper. Pixels stay bytes, a quarter of the
    memory of floats.
    """
    import tensorflow as tf

    def decode(content: Any, label: Any) -> tuple[Any, Any]:
        return _decode(content, image_size), label

    return (
        encoded.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )
