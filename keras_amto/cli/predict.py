"""`python -m keras_amto predict`: classes of images."""

import argparse

from keras_amto.cli.output import standard_output

HELP = "Classify images with the network of a run."

EXAMPLES = """\
examples:
  keras-amto predict runs/photos cat.jpg dog.jpg
  keras-amto predict runs/photos new_photos --json > classes.json

Prints the most likely classes of each image and their probabilities.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", help="the output directory of train")
    add("images", nargs="+", metavar="IMAGE",
        help="a file, or a folder of them")  # fmt: skip
    add("--top", type=int, default=3, metavar="N",
        help="classes of each image (default: %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="print one JSON list")


def run(options: argparse.Namespace) -> None:
    """Prints what the images show."""
    from keras_amto.experiments.predict import predict

    with standard_output(options.json) as show:
        found = predict(options.run_dir, options.images, options.top)
        for each in found:
            classes = ", ".join(
                f"{name} {100 * share:.1f} %"
                for name, share in each["classes"].items()
            )
            print(f"{each['image']}: {classes}")
        show(found)
