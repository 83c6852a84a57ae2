"""Faults: the tests of Keras that fail and should not. To become empty."""

from tests.keras_tests.entries import Entry
from tests.keras_tests.entries import Reason
from tests.keras_tests.entries import entries

_TRAINER = "trainers/trainer_test.py::TestTrainer"
_EPOCH = "test_steps_per_epoch"
_EXECUTION = "test_steps_per_execution_steps_per_epoch"
_UNKNOWN = "test_steps_per_execution_steps_per_epoch_unknown_data_size"

FAULTS: dict[str, Entry] = {
    **entries(
        _TRAINER,
        Reason.FAULT,
        "steps_per_epoch goes on beyond a pass, where Keras ends the epoch",
        r"^\d+ != \d+$",
        *(
            f"{test}_{kind}_{mode}"
            for test in (_EPOCH, _EXECUTION, _UNKNOWN)
            for kind in ("not_match_but_high_enough", "not_match_too_low")
            for mode in ("eager", "jit", "non_jit")
        ),
    ),
    **entries(
        _TRAINER,
        Reason.FAULT,
        "steps_per_epoch goes on beyond a pass, where Keras ends the epoch",
        "Mismatched elements: 2 / 3",
        "test_fit_flow_steps_per_epoch_eager",
        "test_fit_flow_steps_per_epoch_graph_fn",
        "test_fit_flow_steps_per_epoch_jit",
    ),
    **entries(
        _TRAINER,
        Reason.FAULT,
        "Keras ends no execution with an epoch while there are data",
        "^6 != 5$",
        f"{_EXECUTION}_match_multi_epoch_eager",
        f"{_EXECUTION}_match_multi_epoch_jit",
        f"{_EXECUTION}_match_multi_epoch_non_jit",
    ),
}
