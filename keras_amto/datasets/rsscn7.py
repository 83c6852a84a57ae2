"""RSSCN7 for tensorflow-datasets. Imported by `datasets.load` alone."""

import os
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

CLASSES = (
    "aGrass", "bField", "cIndustry", "dRiverLake", "eForest", "fResident",
    "gParking",
)  # fmt: skip
IMAGES_PER_CLASS = 400
HOMEPAGE = "https://github.com/palewithout/RSSCN7"


class RSSCN7(tfds.core.GeneratorBasedBuilder):
    """Reads the class folders of RSSCN7 from a manual directory."""

    name = "rsscn7"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "The 2,800 images as they were published."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Put the class folders ({', '.join(CLASSES)}), each with its 400 JPEG "
        "images, into the manual directory. They are at " + HOMEPAGE
    )

    def _info(self) -> Any:
        image = tfds.features.Image(
            shape=(None, None, 3), encoding_format="jpeg"
        )
        return tfds.core.DatasetInfo(
            builder=self,
            description="2,800 remote-sensing images of 7 land-use classes, "
            "400 each, on 4 scales.",
            features=tfds.features.FeaturesDict(
                {
                    "image": image,
                    "label": tfds.features.ClassLabel(names=list(CLASSES)),
                    "filename": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
            homepage=HOMEPAGE,
            citation="Zou, Ni, Zhang, Wang: Deep Learning Based Feature "
            "Selection for Remote Sensing Scene Classification. IEEE "
            "Geoscience and Remote Sensing Letters 12 (11), 2015.",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        folder = find_class_folders(dl_manager.manual_dir)
        return {"train": self._generate_examples(folder)}

    def _generate_examples(
        self, folder: epath.Path
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in CLASSES:
            for path in _images(folder / name):
                key = f"{name}/{path.name}"
                yield key, {"image": path, "label": name, "filename": key}


def prepared_builder(data_dir: str | None) -> RSSCN7:
    """Returns the builder, prepared from the class folders where necessary."""
    manual_dir = None
    if data_dir is not None and _holds_classes(epath.Path(data_dir)):
        # The folder of images itself; what is prepared from it goes elsewhere.
        manual_dir, data_dir = data_dir, None
    builder = RSSCN7(data_dir=data_dir)
    if not builder.is_prepared():
        if manual_dir is None:
            root = epath.Path(data_dir or builder.data_dir_root)
            manual_dir = root / "downloads" / "manual"
        config = tfds.download.DownloadConfig(
            manual_dir=find_class_folders(manual_dir)
        )
        builder.download_and_prepare(download_config=config)
    return builder


def find_class_folders(directory: str | os.PathLike[str]) -> epath.Path:
    """Returns the folder of the class folders, or names what is missing.

    That is `directory` itself, or `rsscn7` or `RSSCN7` in it.
    """
    root = epath.Path(directory)
    folders = [root, root / "rsscn7", root / "RSSCN7"]
    folder = next(filter(_holds_classes, folders), root)
    counts = {name: len(_images(folder / name)) for name in CLASSES}
    wrong = {n: c for n, c in counts.items() if c != IMAGES_PER_CLASS}
    if wrong:
        raise ValueError(
            f"RSSCN7 is not complete in {os.fspath(folder)!r}. "
            f"Received: {wrong} JPEG images by class folder. "
            f"Expected: {IMAGES_PER_CLASS} in each of {list(CLASSES)}, as in "
            "github.com/palewithout/RSSCN7."
        )
    return folder


def _holds_classes(folder: epath.Path) -> bool:
    return any((folder / name).is_dir() for name in CLASSES)


def _images(folder: epath.Path) -> list[epath.Path]:
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in files if p.suffix.lower() in (".jpg", ".jpeg"))
