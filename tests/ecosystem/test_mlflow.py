"""MLflow, by its Keras callback, without a server."""

import pytest

from keras_amto import Ledger
from tests.ecosystem.documented import run_example

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow's packages


def test_each_epoch_and_the_ledger_are_logged(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow", reason="needs MLflow")
    names = run_example("MLflow, and Weights & Biases", tmp_path, monkeypatch)
    client, run = mlflow.MlflowClient(), names.run.info.run_id
    for name, values in names.model.history.history.items():
        logged = client.get_metric_history(run, name)
        assert [each.value for each in logged] == pytest.approx(values)
    path = client.download_artifacts(run, "ledger.jsonl", str(tmp_path))
    assert Ledger.load(path) == names.model.ledger
