"""One self-contained page about a run."""

from keras_amto.report.page import write_report
from keras_amto.report.run_directory import UNFINISHED
from keras_amto.report.run_directory import RunDirectory
from keras_amto.report.run_directory import is_under_way
from keras_amto.report.run_directory import lock_of
from keras_amto.report.run_directory import read_json
from keras_amto.report.run_directory import read_run
from keras_amto.report.run_directory import save_figures
from keras_amto.report.run_directory import save_run
from keras_amto.report.story import run_pictures
from keras_amto.report.story import tell
from keras_amto.report.watching import watch_run

__all__ = [
    "UNFINISHED",
    "RunDirectory",
    "is_under_way",
    "lock_of",
    "read_json",
    "read_run",
    "run_pictures",
    "save_figures",
    "save_run",
    "tell",
    "watch_run",
    "write_report",
]
