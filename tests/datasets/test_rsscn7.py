"""The builder of RSSCN7, by the checks of tensorflow-datasets."""

import pathlib
import tempfile

import pytest

from tests.conftest import needs_tensorflow
from tests.images import write_tree

pytestmark = needs_tensorflow

tfds = pytest.importorskip("tensorflow_datasets")

from keras_amto.datasets.rsscn7 import CLASSES
from keras_amto.datasets.rsscn7 import RSSCN7


class RSSCN7Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = RSSCN7
    SPLITS = {"train": 2800}  # noqa: RUF012
    SKIP_CHECKSUMS = True  # nothing is downloaded

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = cls._folder.name
        write_tree(
            pathlib.Path(cls.EXAMPLE_DIR), dict.fromkeys(CLASSES, 400), side=4
        )
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls._folder.cleanup()


# Not itself: pytest would run the base class, which has nothing to test.
del tfds
