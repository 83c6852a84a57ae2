"""Wrong calls, by what is called."""

from tests.wrong_calls import of_callbacks
from tests.wrong_calls import of_compile
from tests.wrong_calls import of_fit
from tests.wrong_calls import of_model
from tests.wrong_calls import of_optimizers

ROW_MODULES = (
    of_callbacks,
    of_compile,
    of_fit,
    of_model,
    of_optimizers,
)
