"""The paper's data sets by name."""

import os
import pathlib
from typing import Any

from keras_amto.arguments import check_integer
from keras_amto.arguments import check_path
from keras_amto.choices import DATA_SETS
from keras_amto.datasets.image_sets import ImageSets
from keras_amto.datasets.image_sets import batched_images
from keras_amto.datasets.image_sets import draw_test_set

NAMES = DATA_SETS
TEST_SPLIT = 0.2  # where the data set has no test set of its own


def load(
    name: str,
    image_size: int = 224,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    batch_size: int = 64,
) -> ImageSets:
    """Loads a data set of the paper, by tensorflow-datasets.

    `uc_merced` and `rsscn7` are divided at random into 80 % and 20 %;
    `oxford_iiit_pet` has a training and a test set of its own.

    Args:
        name: `"uc_merced"`, `"oxford_iiit_pet"` or `"rsscn7"`.
        image_size: Integer, pixels a side. Defaults to `224`.
        seed: Integer, at least 0, which divides. Defaults to `0`.
        data_dir: Where tensorflow-datasets keeps its data; for `"rsscn7"`,
            which cannot be downloaded, also the folder of its seven class
            folders. Those are otherwise looked for where tensorflow-datasets
            looks for manual downloads, in `downloads/manual/rsscn7`. Defaults
            to the directory of tensorflow-datasets.
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
    if data_dir is not None:
        data_dir = check_path("data_dir", data_dir)
    builder = _prepared_builder(name, data_dir)
    class_names = tuple(builder.info.features["label"].names)
    if name == "oxford_iiit_pet":
        train, test = (_encoded(builder, split) for split in ("train", "test"))
    else:
        train, test = _divide(_encoded(builder, "train"), seed)
    return ImageSets(
        batched_images(train, image_size, batch_size),
        batched_images(test, image_size, batch_size),
        class_names,
    )


def _prepared_builder(
    name: str, data_dir: str | os.PathLike[str] | None
) -> Any:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"The data set {name!r} is loaded by tensorflow-datasets, which "
            "is not installed. Install it: pip install keras-amto[datasets]."
        ) from error
    if name != "rsscn7":
        builder = tfds.builder(name, data_dir=data_dir)
        try:
            builder.download_and_prepare()
        except tfds.download.DownloadError as error:
            raise RuntimeError(
                f"The data set {name!r} cannot be downloaded: {error}"
            ) from error
        return builder

    from keras_amto.datasets.rsscn7 import CLASSES
    from keras_amto.datasets.rsscn7 import RSSCN7
    from keras_amto.datasets.rsscn7 import find_class_folders

    manual_dir = None
    if data_dir is not None and any(
        (pathlib.Path(data_dir) / each).is_dir() for each in CLASSES
    ):
        # The folder of images itself. What is prepared from it goes elsewhere.
        manual_dir, data_dir = data_dir, None
    builder = RSSCN7(data_dir=data_dir)
    if not builder.is_prepared():
        if manual_dir is None:
            root = data_dir or builder.data_dir_root
            manual_dir = pathlib.Path(root) / "downloads" / "manual"
        manual_dir = find_class_folders(manual_dir)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )
    return builder


def _encoded(builder: Any, split: str) -> Any:
    """The files as they are, in one order, so that few are decoded."""
    import tensorflow_datasets as tfds

    return builder.as_dataset(
        split=split,
        shuffle_files=False,
        as_supervised=True,
        decoders=tfds.decode.PartialDecoding(
            {"image": True, "label": True},
            decoders={"image": tfds.decode.SkipDecoding()},
        ),
    )


def _divide(encoded: Any, seed: int) -> tuple[Any, Any]:
    import tensorflow as tf

    size = int(encoded.cardinality())
    tests = draw_test_set(size, TEST_SPLIT, seed)

    def part(of: Any) -> Any:
        wanted = tf.constant(of)
        return (
            encoded.enumerate()
            .filter(lambda position, _: wanted[position])
            .map(lambda _, sample: sample)
            .apply(tf.data.experimental.assert_cardinality(int(of.sum())))
        )

    return part(~tests), part(tests)
