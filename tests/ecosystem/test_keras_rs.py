"""Layers of KerasRS."""

import pytest

from tests.ecosystem.documented import run_example


def test_a_ranking_network_trains(tmp_path, monkeypatch):
    keras_rs = pytest.importorskip("keras_rs", reason="needs KerasRS")
    names = run_example("KerasRS, and other layers", tmp_path, monkeypatch)
    data = {"user": names.users, "item": names.items}
    _, accuracy = names.model.evaluate(data, names.likes, verbose=0)
    assert accuracy > 0.9
    layers = map(type, names.model.best_model.layers)
    assert keras_rs.layers.FeatureCross in layers
