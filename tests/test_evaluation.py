"""Evaluation is a function of the replica and the task alone."""

import keras
import numpy as np
import pytest

import keras_amto
from keras_amto.engines import EvaluationJob
from keras_amto.fit import events
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import in_order
from keras_amto.tasks import read_data
from tests.conftest import needs_tensorflow
from tests.data import digits
from tests.networks import compiled
from tests.networks import sampler

pytestmark = [needs_tensorflow, pytest.mark.usefixtures("engines_once")]

x, y = digits(120)
ENGINES = pytest.mark.parametrize("engine", ["portable", "tensorflow"])


def trained(engine, callbacks=(), **settings):
    keras.utils.set_random_seed(0)
    model = compiled(
        keras_amto.AMTOModel(
            sampler(),
            **(dict(num_tasks=3, transfer_interval=4, seed=0) | settings),
            engine=engine,
        )
    )
    model.fit(
        x, y, batch_size=16, epochs=2, verbose=0, callbacks=list(callbacks)
    )
    return model


@ENGINES
def test_equal_master_and_shadow_have_equal_losses(engine):
    """In round 0 all masters are one network, and so are the shadows."""
    model = trained(
        engine, [keras.callbacks.LearningRateScheduler(lambda *_: 0.0)]
    )
    record = model.ledger[0]
    np.testing.assert_array_equal(record.master_losses, record.shadow_losses)


@ENGINES
def test_evaluation_depends_on_replica_and_samples_alone(engine):
    """Whatever was called before, and what evaluation changes is lost."""
    seen = []

    class Twice(keras_amto.callbacks.RoundCallback):
        def on_round_end(self, round, record):
            session = self.model._carried
            engine, masters = session.engine, session.run.masters
            data, _ = read_data(x, y)
            samples = EvaluationSet(data, in_order(np.arange(40), 16), seed=3)
            jobs = [EvaluationJob(0, masters[:2], samples)]
            once = engine.evaluate(jobs, lambda _: None)
            weights = [self.model.get_task_weights(m) for m in (0, 1)]
            again = engine.evaluate(jobs, lambda _: None)
            for before, m in zip(weights, (0, 1), strict=True):
                for a, b in zip(
                    before, self.model.get_task_weights(m), strict=True
                ):
                    np.testing.assert_array_equal(a, b)
            seen.append(once == again)

    watched, plain = trained(engine, [Twice()]), trained(engine)
    assert seen and all(seen)
    assert watched.ledger == plain.ledger
    assert watched.finalists.to_json() == plain.finalists.to_json()


def test_the_engines_evaluate_a_network_that_draws_alike():
    one, other = trained("portable"), trained("tensorflow")
    for a, b in zip(one.ledger, other.ledger, strict=True):
        np.testing.assert_allclose(a.master_losses, b.master_losses, 1e-4)
        np.testing.assert_array_equal(a.accepted, b.accepted)
    np.testing.assert_allclose(
        one.finalists.losses, other.finalists.losses, 1e-4
    )


def test_a_run_killed_while_the_winner_is_chosen_has_the_same_table(
    tmp_path, monkeypatch
):
    def killed(*arguments):
        raise KeyboardInterrupt

    whole = trained("tensorflow")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(events, "make_answers", killed)
        trained("tensorflow", [keras_amto.PopulationBackup(tmp_path)])
    resumed = trained("tensorflow", [keras_amto.PopulationBackup(tmp_path)])
    assert resumed.finalists.to_json() == whole.finalists.to_json()
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
