"""`python -m keras_amto report`: one HTML page about a run."""

import argparse
import contextlib

HELP = "Write one self-contained HTML page about a run, with pictures."

EXAMPLES = """\
examples:
  keras-amto report runs/photos
  keras-amto report --watch runs/photos

The page says who won and where it came from. What is missing in the directory
is left out. Opening the page fetches nothing.

With --watch the page is written again as rounds end, and reloads itself in
the browser, until the run is complete or Ctrl-C is pressed. RUN_DIR may be what
`train --output` or `train --backup` names, or the directory of a
PopulationBackup, which ends with Ctrl-C alone. To watch a run on another
machine, run there
  python -m http.server --bind 127.0.0.1 --directory runs/photos 8000
and open http://127.0.0.1:8000/report.html through `ssh -L 8000:127.0.0.1:8000`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "run_dir", metavar="RUN_DIR", help="the directory of a run"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="default: report.html in RUN_DIR"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="write the page again as rounds end, until the run is complete",
    )


def run(options: argparse.Namespace) -> None:
    """Writes the page, and prints its path."""
    from keras_amto.report import watch_run
    from keras_amto.report import write_report

    if not options.watch:
        print(write_report(options.run_dir, options.output))
        return
    pages = watch_run(options.run_dir, options.output)
    with contextlib.suppress(KeyboardInterrupt):  # how watching ends
        print(next(pages), flush=True)
        for _ in pages:
            pass
