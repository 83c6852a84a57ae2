"""One self-contained page about a run."""

from keras_amto.report.page import write_report
from keras_amto.report.run_directory import RunDirectory
from keras_amto.report.run_directory import read_run
from keras_amto.report.run_directory import save_run

__all__ = ["RunDirectory", "read_run", "save_run", "write_report"]
