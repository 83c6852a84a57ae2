"""Settings for a folder of images, from how many there are and how large."""

import contextlib
import dataclasses
import math
import pathlib
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_amto.datasets import ImageSets

#: Sides for which MobileNetV2 has ImageNet weights.
SIDES = (96, 128, 160, 192, 224)
_PASSES = 30  # over a training set, at most
_VALIDATED = 4  # images of the smallest class


@dataclasses.dataclass(frozen=True)
class FolderFacts:
    """What decides the settings for a folder.

    Attributes:
        counts: Integers, the images of each class, without those of the test.
        side: Integer, the median of the shorter sides of images, in pixels.
    """

    counts: Sequence[int]
    side: int


def image_side(facts: FolderFacts) -> int:
    """Returns the largest of `SIDES` for which no image is blown up.

    >>> image_side(FolderFacts([100, 100], side=200))
    192
    """
    fitting = [side for side in SIDES if side <= facts.side]
    return max(fitting, default=SIDES[0])


def settings_for(facts: FolderFacts, pretrained: bool) -> Mapping[str, Any]:
    """Returns settings of `RunSettings` for a folder.

    They are rules of thumb, not measurements: 30 passes over the training set,
    a round for each, a validation set with some images of every class, and a
    learning rate that suits Adam.

    Args:
        facts: How many images there are.
        pretrained: Boolean, whether the network knows images already.

    >>> settings_for(FolderFacts([400, 400], side=224), True)["max_steps"]
    690
    """
    images = sum(facts.counts)
    share = min(0.3, max(0.1, _VALIDATED / min(facts.counts)))
    batch_size = 32 if images >= 320 else 16 if images >= 80 else 8
    a_pass = max(1, math.ceil(images * (1 - share) / batch_size))
    interval = min(100, max(5, a_pass))
    steps = min(10_000, max(100, _PASSES * a_pass))
    return {
        "batch_size": batch_size,
        "validation_split": round(share, 2),
        "transfer_interval": interval,
        "max_steps": math.ceil(steps / interval) * interval,
        "patience": 10,
        "optimizer": "adam",
        "learning_rate": 1e-4 if pretrained else 1e-3,
        "flip": True,
    }


def look_at(sets: ImageSets, root: str) -> FolderFacts:
    """Reads the facts of what `datasets.load_folder` returned for a folder.

    Sizes are those of some images, at even distances.
    """
    import tensorflow as tf

    sides = []
    paths = sets.train.file_paths
    names = [pathlib.Path(path).relative_to(root).parts[0] for path in paths]
    counts = [names.count(name) for name in sets.class_names]
    for name, count in zip(sets.class_names, counts, strict=True):
        if not count:
            raise ValueError(
                "A class has no image left to train on: all were drawn for the "
                f"test. Received: the class {name!r}. "
                "Expected: at least some images of each class."
            )
    for path in paths[:: max(1, len(paths) // 32)]:
        content = tf.io.read_file(path)
        # One that is damaged is named when all are read.
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            image = tf.io.decode_image(content, 3, expand_animations=False)
            sides.append(min(image.shape[:2]))
    side = statistics.median(sides or [0])
    return FolderFacts(counts, int(side))
