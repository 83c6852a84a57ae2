"""Wrong calls, by what is called."""

from tests.wrong_calls import of_applications
from tests.wrong_calls import of_callbacks
from tests.wrong_calls import of_compare
from tests.wrong_calls import of_compile
from tests.wrong_calls import of_datasets
from tests.wrong_calls import of_distribution
from tests.wrong_calls import of_fit
from tests.wrong_calls import of_ledger
from tests.wrong_calls import of_model
from tests.wrong_calls import of_optimizers
from tests.wrong_calls import of_plots

ROW_MODULES = (
    of_applications,
    of_callbacks,
    of_compare,
    of_compile,
    of_datasets,
    of_distribution,
    of_fit,
    of_ledger,
    of_model,
    of_optimizers,
    of_plots,
)
