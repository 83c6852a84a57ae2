"""Wrong calls of the constructors of callbacks."""

import keras

import keras_amto
from tests.wrong_calls.kinds import above_zero
from tests.wrong_calls.kinds import at_least_zero
from tests.wrong_calls.kinds import boolean
from tests.wrong_calls.kinds import choice
from tests.wrong_calls.kinds import integer
from tests.wrong_calls.kinds import path
from tests.wrong_calls.kinds import share
from tests.wrong_calls.kinds import text
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee

AMTO_CALLBACK = Callee(
    "AMTOCallback", lambda _, **given: keras_amto.AMTOCallback(**given)
)
POPULATION_BACKUP = Callee(
    "PopulationBackup",
    lambda _, **given: keras_amto.PopulationBackup(
        **({"backup_dir": "backups"} | given)
    ),
)

CALLEES = [AMTO_CALLBACK, POPULATION_BACKUP]
ROWS = [
    *AMTO_CALLBACK.rows(
        patience=integer(1, optional=True),
        stop_when=choice(),
        answer=choice(),
        average_from=share(zero=True),
        min_delta=at_least_zero(),
        restore_best_weights=boolean(),
        selection_metric=(
            *text(),
            *types(a_class_of_metrics=keras.metrics.AUC),
        ),
        max_steps=integer(1, optional=True),
        max_seconds=above_zero(optional=True),
    ),
    *POPULATION_BACKUP.rows(
        backup_dir=path(),
        save_freq=(
            *(case for case in integer(1) if case.what != "text"),
            *values(batches="batch", text="3"),
        ),
        keep=integer(1),
        delete_checkpoint=boolean(),
    ),
]
