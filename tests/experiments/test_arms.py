"""Arms that share what was trained, interrupted and continued."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.experiments import compare as module
from keras_amto.experiments import repetition
from keras_amto.experiments.results import load_results
from tests.data import digits
from tests.experiments.test_compare import compare
from tests.experiments.test_compare import network

pytestmark = pytest.mark.usefixtures("engines_once")

PRODUCTS = {
    "amto": "winner", "amto_average": "average", "amto_ensemble": "ensemble",
}  # fmt: skip


@pytest.fixture
def trained(monkeypatch):
    """The seeds of all trainings with AMTO, in their order."""
    seeds = []
    real = repetition.train_amto

    def spy(*arguments, **more):
        seeds.append(arguments[5]["seed"])
        return real(*arguments, **more)

    monkeypatch.setattr(repetition, "train_amto", spy)
    return seeds


def untimed(results):
    return {
        arm: {
            seed: dataclasses.replace(result, seconds=0.0)
            for seed, result in by_seed.items()
        }
        for arm, by_seed in results.items()
    }


def test_three_answers_come_from_one_population(tmp_path, trained):
    found = compare(tmp_path, PRODUCTS)
    assert trained == [0]
    seconds = {results[0].seconds for results in found.values()}
    assert len(seconds) == 1


@pytest.mark.parametrize(
    ("name", "options", "holdout"),
    [
        ("amto", {}, 0.0),
        ("amto_merge", {"transfer": "merge"}, 0.0),
        ("amto_clean", {"acceptance": "holdout"}, 0.1),
    ],
)
def test_an_answer_is_that_of_the_model(tmp_path, name, options, holdout):
    x, y = digits(400)
    order = np.random.default_rng(0).permutation(400)
    gross, rest = order[:120], order[120:]
    found = compare(tmp_path, [n.replace("amto", name) for n in PRODUCTS])
    for arm, answer in PRODUCTS.items():
        keras.utils.set_random_seed(0)
        model = keras_amto.AMTOModel(
            network(),
            2,
            transfer_interval=4,
            holdout_split=holdout,
            seed=0,
            **options,
        )
        model.compile(
            keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        stop = keras_amto.AMTOCallback(None, max_steps=12, answer=answer)
        model.fit(
            x[gross],
            y[gross],
            batch_size=16,
            epochs=12,
            verbose=0,
            callbacks=[stop],
        )
        loss, accuracy = model.evaluate(x[rest], y[rest], verbose=0)
        result = found[arm.replace("amto", name)][0]
        np.testing.assert_allclose(
            [result.test_accuracy, result.test_loss],
            [accuracy, loss],
            rtol=1e-5,
        )


def test_interrupted_between_two_answers_it_ends_the_same(
    tmp_path, trained, monkeypatch
):
    whole = compare(tmp_path / "whole", PRODUCTS)
    real = module.save_result

    def interrupt(directory, arm, result):
        if arm == "amto_average":
            raise KeyboardInterrupt
        real(directory, arm, result)

    monkeypatch.setattr(module, "save_result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path / "cut", PRODUCTS)
    assert list(load_results(tmp_path / "cut")) == ["amto"]
    monkeypatch.setattr(module, "save_result", real)
    resumed = compare(tmp_path / "cut", PRODUCTS)
    assert trained == [0, 0]  # once in each directory
    assert untimed(resumed) == untimed(whole)
    assert not list((tmp_path / "cut" / "unfinished").iterdir())


def test_an_answer_that_is_added_later_is_that_of_the_same_population(tmp_path):
    whole = compare(tmp_path / "whole", PRODUCTS)
    compare(tmp_path / "later", ["amto"])
    later = compare(tmp_path / "later", PRODUCTS)
    assert untimed(later) == untimed(whole)


def test_a_table_alone_is_continued(tmp_path, trained):
    arms = ["sto", "full"]
    before = compare(tmp_path / "old", arms)
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(tmp_path / "old" / "runs.csv", new)
    trained.clear()
    found = compare(new, arms, seeds=2)
    assert trained == [1]
    assert {arm: found[arm][0] for arm in arms} == {
        arm: before[arm][0] for arm in arms
    }
    assert all(list(found[arm]) == [0, 1] for arm in arms)


def test_a_table_that_is_damaged_stops_a_comparison(tmp_path, trained):
    (tmp_path / "runs.csv").write_text("arm,seed\nsto,0\n")
    with pytest.raises(ValueError, match=r"runs\.csv"):
        compare(tmp_path, ["sto"])
    assert not trained


def test_a_development_seed_is_tested_on_the_share_set_apart(tmp_path):
    def compared(share):
        return compare(tmp_path, ["full"], seeds=[100], development_split=share)

    right = 80 * compared(0.2)["full"][100].test_accuracy
    assert right == pytest.approx(round(right))
    with pytest.raises(ValueError, match="`development_split` differs"):
        compared(0.1)
