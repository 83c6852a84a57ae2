"""KerasTuner round an `AMTOModel`."""

import pytest

import keras_amto
from tests.ecosystem.documented import run_example

pytestmark = pytest.mark.filterwarnings(
    "ignore:currentThread|getName:DeprecationWarning"
)


def test_a_tuner_finds_settings_of_amto_and_returns_what_it_measured(
    tmp_path, monkeypatch
):
    pytest.importorskip("keras_tuner", reason="needs KerasTuner")
    names = run_example("KerasTuner", tmp_path, monkeypatch)
    assert isinstance(names.best, keras_amto.AMTOModel)
    (trial,) = names.tuner.oracle.get_best_trials(1)
    interval = trial.hyperparameters.get("transfer_interval")
    assert names.best.get_config()["transfer_interval"] == interval
    _, accuracy = names.best.evaluate(names.x[300:], names.y[300:], verbose=0)
    assert accuracy == pytest.approx(trial.score)
