"""`python -m keras_amto report`: one HTML page about a run."""

import argparse

HELP = "Write one self-contained HTML page about a run, with pictures."

EXAMPLES = """\
example:
  keras_amto report runs/photos

The page says who won and where it came from. What is missing in the directory
is left out. Opening the page fetches nothing.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "run_dir", metavar="RUN_DIR", help="the directory of a run"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="default: report.html in RUN_DIR"
    )


def run(options: argparse.Namespace) -> None:
    """Writes the page, and prints its path."""
    from keras_amto.report import write_report

    print(write_report(options.run_dir, options.output))
