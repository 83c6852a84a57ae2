"""Images and networks, by name or by path."""

import os
import pathlib
import zipfile

import keras

from keras_amto import datasets
from keras_amto.applications import image_classifier
from keras_amto.arguments import check_optional_integer
from keras_amto.datasets import ImageSets
from keras_amto.model import AMTOModel


def load_images(
    data: str,
    image_size: int,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
) -> ImageSets:
    """Loads images to train on and to test with.

    Args:
        data: The path of a tree of class folders, of which a random 20 % are
            for tests; or one of `datasets.NAMES`.
        image_size: Integer, pixels a side.
        seed: Integer, which draws the test set. Defaults to `0`.
        data_dir: Where tensorflow-datasets keeps its data. Defaults to `None`,
            its own directory.
        batch_size: Integer. Defaults to `64`.

    Raises:
        ValueError: if there are no such data, or they are not complete.
    """
    if data in datasets.NAMES:
        return datasets.load(
            data, image_size, seed, data_dir, batch_size=batch_size
        )
    if not pathlib.Path(data).is_dir():
        raise ValueError(
            f"There are no such data. Received: {data!r}. Expected: a folder "
            "that holds a folder of images for each class, or one of "
            f"{datasets.NAMES}."
        )
    return datasets.load_folder(data, image_size, seed, batch_size=batch_size)


def load_network(
    model: str,
    image_size: int | None,
    weights: str | os.PathLike[str] | None = None,
) -> "Network":
    """Finds out which network is meant, and the size of its images.

    Args:
        model: A name that `image_classifier` knows, or the path of a `.keras`
            file of a classifier.
        image_size: Integer, or `None` for what the file says, else 224.
        weights: As in `image_classifier`; not with a file.

    Raises:
        ValueError: if the file is none, or takes other images.
    """
    check_optional_integer("image_size", image_size)
    if not model.endswith(".keras"):
        return Network(model, image_size or 224, weights)
    if weights is not None:
        raise ValueError(
            "A .keras file has weights of its own. Received: "
            f"weights={os.fspath(weights)!r} and {model!r}. "
            "Expected: one of them."
        )
    if not zipfile.is_zipfile(model):
        raise ValueError(
            f"There is no such Keras file. Received: {model!r}. "
            "Expected: what `keras.Model.save` has written."
        )
    network = keras.models.load_model(model, compile=False)
    if isinstance(network, AMTOModel):
        network = network.best_model
    shape = getattr(network, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 3:
        raise ValueError(
            f"The network takes no colour images. Received: {model!r} with "
            f"input shape {shape}. Expected: (None, height, width, 3)."
        )
    size = image_size or shape[1] or 224
    if {shape[1], shape[2]} - {size, None}:
        raise ValueError(
            f"The network takes images of another size. Received: {model!r} "
            f"with input shape {shape}. Expected: {size} pixels a side."
        )
    return Network(model, size, None, network)


class Network:
    """A network that is known, if not yet made.

    Args:
        name: Its name or path.
        image_size: Integer, pixels a side.
        weights: As in `image_classifier`.
        loaded: What was in the file, or `None`.
    """

    def __init__(
        self,
        name: str,
        image_size: int,
        weights: str | os.PathLike[str] | None,
        loaded: keras.Model | None = None,
    ) -> None:
        self.name = name
        self.image_size = image_size
        self._weights = weights
        self._loaded = loaded

    def make(self, classes: int, seed: int) -> keras.Model:
        """Returns the network.

        Args:
            classes: Integer.
            seed: Integer, from which new weights are drawn.

        Raises:
            ValueError: if it cannot tell so many classes apart.
        """
        if self._loaded is None:
            keras.utils.set_random_seed(seed)
            shape = (self.image_size, self.image_size, 3)
            return image_classifier(self.name, shape, classes, self._weights)
        if self._loaded.output_shape != (None, classes):
            raise ValueError(
                "The network tells other classes apart. Received: "
                f"{self.name!r} with output shape {self._loaded.output_shape}. "
                f"Expected: (None, {classes}), the classes of the data."
            )
        return self._loaded
