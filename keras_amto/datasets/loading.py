"""The paper's data sets by name."""

import os
from typing import Any

from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.choices import DATA_SETS
from keras_amto.datasets.folder import ImageSets
from keras_amto.datasets.folder import batched_images
from keras_amto.datasets.folder import draw_test_set

NAMES = DATA_SETS
"""The names that `load` takes, a tuple of strings."""

TEST_SPLIT = 0.2  # where the data set has no test set of its own


def load(
    name: str,
    image_size: int = 224,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    batch_size: int = 64,
) -> ImageSets:
    """Loads a data set of the paper with tensorflow-datasets.

    `uc_merced` and `rsscn7` are split at random into 80 % for training and 20 %
    for tests; `oxford_iiit_pet` has a test set of its own.

    Args:
        name: `"uc_merced"`, `"oxford_iiit_pet"` or `"rsscn7"`.
        image_size: Integer, pixels a side. Defaults to `224`.
        seed: Integer, at least 0, which splits. Defaults to `0`.
        data_dir: Where tensorflow-datasets keeps its data; for `"rsscn7"`,
            which cannot be downloaded, also the folder of its seven class
            folders. Otherwise these have to be where tensorflow-datasets
            expects manual downloads, in `downloads/manual/rsscn7`. Defaults to
            the directory of tensorflow-datasets.
        batch_size: Integer. Defaults to `64`.

    Returns:
        An `ImageSets`.

    Raises:
        ImportError: if tensorflow-datasets is not installed.
        RuntimeError: if the data set cannot be downloaded.
        TypeError: if an argument is of the wrong type.
        ValueError: if the name is unknown, an argument out of range, or RSSCN7
            incomplete, naming what is missing.

    Example:

    ```python
    train, test, class_names = keras_amto.datasets.load("uc_merced", seed=1)
    model.fit(train, epochs=10)
    model.evaluate(test)
    ```
    """
    if not isinstance(name, str) or name not in NAMES:
        raise ValueError(
            f"There is no such data set. Received: name={name!r}. "
            f"Expected: one of {NAMES}; `load_folder` loads class folders."
        )
    image_size = check_integer("image_size", image_size, 1)
    seed = check_integer("seed", seed, 0)
    batch_size = check_integer("batch_size", batch_size, 1)
    directory = None if data_dir is None else check_path("data_dir", data_dir)
    builder = _prepared_builder(name, directory)
    class_names = tuple(builder.info.features["label"].names)
    if name == "oxford_iiit_pet":
        parts = [_encoded(builder, "train"), _encoded(builder, "test")]
    else:
        parts = _split(_encoded(builder, "train"), seed)
    train, test = (batched_images(p, image_size, batch_size) for p in parts)
    return ImageSets(train, test, class_names)


def _prepared_builder(name: str, data_dir: str | None) -> Any:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"The data set {name!r} is loaded by tensorflow-datasets, which "
            "is not installed. Install it: pip install tensorflow-datasets "
            "importlib_resources."
        ) from error
    if name == "rsscn7":
        from keras_amto.datasets.rsscn7 import prepared_builder

        return prepared_builder(data_dir)
    builder = tfds.builder(name, data_dir=data_dir)
    try:
        builder.download_and_prepare()
    except tfds.download.DownloadError as error:
        raise RuntimeError(
            f"The data set {name!r} cannot be downloaded: {error}"
        ) from error
    return builder


def _encoded(builder: Any, split: str) -> Any:
    """Files before decoding, always in the same order."""
    import tensorflow_datasets as tfds

    decoding = tfds.decode.PartialDecoding(
        {"image": True, "label": True},
        decoders={"image": tfds.decode.SkipDecoding()},
    )
    return builder.as_dataset(
        split=split, shuffle_files=False, as_supervised=True, decoders=decoding
    )


def _split(encoded: Any, seed: int) -> list[Any]:
    import tensorflow as tf

    tests = draw_test_set(int(encoded.cardinality()), TEST_SPLIT, seed)

    def part(wanted: Any) -> Any:
        mask = tf.constant(wanted)
        return (
            encoded.enumerate()
            .filter(lambda position, _: mask[position])
            .map(lambda _, sample: sample)
            .apply(tf.data.experimental.assert_cardinality(int(wanted.sum())))
        )

    return [part(~tests), part(tests)]
