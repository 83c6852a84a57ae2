"""The rules of Algorithm 1, on an engine of a few lines of NumPy."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_amto import amto
from keras_amto.algorithm import update_relationships
from keras_amto.amto import Listener
from keras_amto.amto import Problem
from keras_amto.engines import Engine
from keras_amto.engines import Replica
from keras_amto.engines import TaskState
from keras_amto.engines import Trained
from keras_amto.schedule import Epochs
from keras_amto.schedule import executions
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import TrainingBatches
from keras_amto.tasks import in_order


class FakeEngine(Engine):
    """A network is one number, which steps move by the samples that they see.

    Its loss on a set is its distance from the mean of the set's positions.
    """

    metrics = ()
    metric_names = ("loss",)

    def __init__(self, losses=None):
        self.losses = losses or {}  # of replicas by value, where told
        self.evaluations = []
        self.estimates = []

    def initial_replica(self, weights, optimizer=None):
        return Replica(tuple(weights), tuple(optimizer or ()))

    def initial_task_state(self, task, seed):
        return TaskState((np.array(task),), ())

    def reset_metrics(self, state):
        return state

    def finalize(self, replica):
        return replica

    def train(self, jobs, data, learning_rate, on_progress):
        return [self._trained(job, learning_rate) for job in jobs]

    def _trained(self, job, rate):
        replicas = []
        for replica in job.replicas:
            value = replica.weights[0]
            for step in range(len(job.batches)):
                value = value + rate * (job.batches[step].mean() - value)
            replicas.append(Replica((value,), ()))
        evaluated = None
        if job.samples is not None:
            evaluated = tuple(self._logs(r, job.samples) for r in replicas)
        seeds = (job.state.seeds[0] + len(job.batches),)
        logs = {"loss": float(replicas[0].weights[0])}
        return Trained(tuple(replicas), TaskState(seeds, ()), logs, evaluated)

    def estimate_statistics(self, jobs, on_progress):
        self.estimates += jobs
        return [job.replicas for job in jobs]

    def evaluate(self, jobs, on_progress):
        self.evaluations += [job.task for job in jobs]
        return [
            tuple(self._logs(r, job.samples) for r in job.replicas)
            for job in jobs
        ]

    def _logs(self, replica, samples):
        value = float(replica.weights[0])
        distance = abs(value - samples.batches.order.mean())
        return {"loss": self.losses.get(value, distance)}


class Quiet(Listener):
    """Follows a run, notes what it is told, and stops where it is asked to."""

    def __init__(self, stop_at=math.inf, rate=0.3):
        self.told, self.states = [], []
        self.stop_at, self.rate = stop_at, rate

    def before(self, run, execution):
        self.told.append("before")
        return run

    def learning_rate(self):
        return self.rate

    def progress(self, done):
        pass

    def tick(self, done):
        pass

    def after(self, run, execution, logs):
        self.told.append("after")
        self.step = run.step
        return run

    def round_ended(self, run):
        self.told.append("round")
        assert run.round_start is None
        return run

    def epoch_ended(self, run, execution):
        self.told.append("epoch")
        return run

    def stops(self):
        return self.step >= self.stop_at

    def save(self, run, execution):
        self.states.append(run)


SAMPLES = 30


def problem(num_tasks, engine=None, **options):
    order = np.random.default_rng(num_tasks).permutation(SAMPLES)
    parts = np.array_split(order, num_tasks)
    rest = [np.setdiff1d(order, part) for part in parts]
    if num_tasks == 1:
        parts, rest = [order[:5]], [order[5:]]
    batches = (
        TrainingBatches(indices, 4, task, seed=7)
        for task, indices in enumerate(rest)
    )
    sets = (EvaluationSet(None, in_order(part, 4)) for part in parts)
    return Problem(
        engine or FakeEngine(), None, tuple(batches), tuple(sets), 7, **options
    )


def first(num_tasks, values=None):
    values = range(num_tasks) if values is None else values
    masters = [Replica((np.array(float(value)),), ()) for value in values]
    states = [TaskState((np.array(task),), ()) for task in range(num_tasks)]
    return amto.initial_run(masters, states)


def schedule(epochs=2, interval=5, done=0, longest=3):
    lengths = Epochs(range(epochs), 7, 7)
    return executions(lengths, interval, longest, first_step=done)


def facts(run):
    """What a state holds, comparable."""
    plain = dataclasses.asdict(dataclasses.replace(run, records=()))
    return repr(plain), [record.to_json() for record in run.records]


def optimized(num_tasks, listener=None, **options):
    listener = listener or Quiet()
    run = amto.optimize(
        first(num_tasks), problem(num_tasks), schedule(**options), listener
    )
    return run, listener


@pytest.mark.parametrize("num_tasks", [2, 3, 7])
def test_a_shadow_starts_as_another_tasks_master(num_tasks):
    run = first(num_tasks)
    after = amto.reallocate(run, problem(num_tasks))
    for task, donor in enumerate(after.donors):
        assert donor != task
        assert after.shadows[task] is run.masters[donor]
    assert after.masters is run.masters
    assert after.round_start is run


def test_one_task_has_no_donor_and_no_shadow():
    run, _ = optimized(1)
    assert all(record.donors is None for record in run.records)
    assert all(record.shadow_losses is None for record in run.records)
    after = amto.reallocate(first(1), problem(1))
    assert after.shadows is None
    assert after.round_start is not None


def test_master_and_shadow_make_the_same_steps_on_the_same_batches():
    (execution, *_) = schedule(longest=None)
    start = amto.reallocate(first(3), problem(3))
    start = dataclasses.replace(start, shadows=start.masters)
    run, _ = amto.train(start, problem(3), execution, Quiet())
    assert run.step == execution.steps == 5
    for master, shadow in zip(run.masters, run.shadows, strict=True):
        assert master.weights == shadow.weights


def decided(masters, shadows, losses, relationships=0.0, **options):
    """A round that ends with these losses, by the values of networks."""
    engine = FakeEngine(losses)
    run = amto.reallocate(first(len(masters), masters), problem(len(masters)))
    run = dataclasses.replace(
        run,
        shadows=tuple(Replica((np.array(float(s)),), ()) for s in shadows),
        donors=np.roll(np.arange(len(masters)), 1),
        relationships=run.relationships + relationships,
    )
    return run, amto.determine_transfer(
        run, problem(len(masters), engine, **options), lambda _: None
    )


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("master", "shadow", "accepted", "moved"),
    [
        (2.0, 1.0, True, math.tanh(1)),
        (1.0, 1.0, False, 0.0),
        (1.0, 2.0, False, -math.tanh(1)),
        (NAN, 1.0, True, 1.0),
        (INF, 1.0, True, 1.0),
        (1.0, NAN, False, -1.0),
        (NAN, NAN, False, 0.0),
        (NAN, INF, False, 0.0),
    ],
)
def test_a_shadow_replaces_a_master_of_strictly_higher_loss(
    master, shadow, accepted, moved
):
    losses = {10.0: master, 20.0: shadow, 11.0: 5.0, 21.0: 5.0}
    before, run = decided([10, 11], [20, 21], losses)
    kept = before.shadows[0] if accepted else before.masters[0]
    assert run.masters[0] is kept
    assert run.masters[1] is before.masters[1]
    record = run.records[-1]
    assert record.accepted.tolist() == [accepted, False]
    assert record.relationships[0, 1] == pytest.approx(moved)
    assert run.relationships is not before.relationships
    # The master that stays is known without another evaluation.
    np.testing.assert_equal(
        run.validation_logs[0][0]["loss"], shadow if accepted else master
    )


def test_relationships_move_by_equation_6_and_may_decay():
    losses = {10.0: 2.0, 11.0: 1.0, 20.0: 1.5, 21.0: 1.2}
    before, run = decided(
        [10, 11], [20, 21], losses, relationships=0.5, relationship_decay=0.8
    )
    expected = update_relationships(
        before.relationships, before.donors, np.array([2.0, 1.0]),
        np.array([1.5, 1.2]), 0.8,
    )  # fmt: skip
    np.testing.assert_array_equal(run.relationships, expected)


def test_the_best_network_is_that_of_lowest_loss_so_far():
    losses = {10.0: 2.0, 20.0: NAN, 11.0: NAN, 21.0: NAN}
    before, run = decided([10, 11], [20, 21], losses)
    assert run.best == run.masters  # also of a task that never was finite
    again = dataclasses.replace(
        run, masters=tuple(Replica((np.array(v),), ()) for v in (12.0, 13.0)),
        validation_logs=((), ()),
    )  # fmt: skip
    engine = FakeEngine({12.0: 3.0, 13.0: 4.0})
    last = amto.determine_transfer(
        dataclasses.replace(again, round_start=again),
        problem(2, engine), lambda _: None,
    )  # fmt: skip
    assert last.best[0] is run.best[0]
    assert last.best[1] is last.masters[1]
    assert last.patience.wait.tolist() == [1, 0]


def test_a_round_that_ended_in_training_is_not_evaluated_again():
    engine = FakeEngine()
    amto.optimize(
        first(3), problem(3, engine), schedule(epochs=1), Quiet(stop_at=7)
    )
    # The last round was cut short by the end: `train` knew, and evaluated.
    assert engine.evaluations == []
    amto.optimize(
        first(3), problem(3, engine), schedule(epochs=1), Quiet(stop_at=3)
    )
    assert engine.evaluations == [0, 1, 2]  # stopped inside a round


def test_a_listener_is_told_in_the_order_of_keras():
    _, listener = optimized(2, epochs=1, interval=5, longest=None)
    one = ["before", "after", "round"]
    assert listener.told == [*one, *one, "epoch"]
    _, listener = optimized(2, Quiet(stop_at=3))
    assert listener.told == ["before", "after", "round", "epoch"]


class StopsAsAnEpochEnds(Quiet):
    def epoch_ended(self, run, execution):
        self.stop_at = 0
        return super().epoch_ended(run, execution)


def test_a_round_is_decided_that_an_epoch_stops():
    run, listener = optimized(2, StopsAsAnEpochEnds())
    assert run.step == 7  # two steps into the second round
    assert run.round_start is None
    assert len(run.records) == 2
    assert listener.told[-2:] == ["epoch", "round"]


def test_weights_that_are_written_reach_every_network_but_the_best_of_before():
    run = amto.reallocate(first(3), problem(3))
    best = Replica((np.array(7.0),), ())
    run = dataclasses.replace(
        run, best=(best, *run.masters[1:]), validation_logs=(({},),) * 3
    )
    after = run.with_weights({0: np.array(5.0)})
    for replica in (*after.masters, *after.shadows, *after.best[1:]):
        assert replica.weights == (5.0,)
    assert after.best[0] is best
    assert after.best[1] is after.masters[1]
    assert after.validation_logs == ((), (), ())
    assert run.masters[1].weights == (1.0,)


def test_a_validated_network_gets_what_is_written_in_its_validation_alone():
    run = dataclasses.replace(first(2), losses=np.ones(2))
    assert run.with_weights({0: np.array(5.0)}).best == run.best
    run = run.with_weights({0: np.array(5.0)}, in_validation=True)
    assert run.best == run.masters
    assert run.best[1].weights == (5.0,)


@settings(max_examples=30, deadline=None)
@given(
    num_tasks=st.integers(1, 5),
    interval=st.integers(1, 9),
    longest=st.integers(1, 7),
)
def test_a_run_goes_on_exactly_from_any_of_its_states(
    num_tasks, interval, longest
):
    options = dict(interval=interval, longest=longest)
    whole, listener = optimized(num_tasks, **options)
    for state in listener.states:
        before = facts(state)
        again = amto.optimize(
            state,
            problem(num_tasks),
            schedule(done=state.step, **options),
            Quiet(),
        )
        assert facts(again) == facts(whole)
        assert facts(state) == before  # it is a value


def test_another_fit_keeps_networks_and_forgets_what_it_knew_of_sets():
    run, _ = optimized(3)
    again = amto.begin(run)
    assert again.masters == run.masters == again.best
    assert again.records == run.records
    assert again.relationships is run.relationships
    assert again.losses is None
    assert again.validation_logs == ((), (), ())
    assert np.isinf(again.patience.best).all()


def test_after_an_error_inside_a_round_it_goes_on_from_where_it_began():
    _, listener = optimized(3)
    inside = next(s for s in listener.states if s.round_start is not None)
    assert amto.begin(inside).masters == inside.round_start.masters
    assert amto.begin(inside).shadows is None


def test_the_champion_has_the_lowest_finite_loss():
    run = first(3)
    assert run.champion == 0
    for losses, champion in (
        ([2.0, 1.0, 3.0], 1),
        ([NAN, 5.0, INF], 1),
        ([NAN, INF, NAN], None),
    ):
        known = dataclasses.replace(run, losses=np.array(losses))
        assert known.champion == champion


def test_a_merged_shadow_starts_from_the_mean_of_donor_and_master():
    engine = FakeEngine()
    given, run = problem(3, engine, transfer="merge"), first(3, [1, 2, 6])
    run = dataclasses.replace(run, step=7)
    after = amto.reallocate(run, given)
    values = [1, 2, 6]
    for task, donor in enumerate(after.donors):
        mean = (values[task] + values[donor]) / 2
        assert after.shadows[task].weights[0] == mean
    assert after.masters is run.masters
    plain = amto.reallocate(run, problem(3))
    np.testing.assert_array_equal(after.donors, plain.donors)
    # Statistics come from the batches that the shadow is about to train on.
    for task, job in enumerate(engine.estimates):
        count = amto.STATISTICS_BATCHES
        window = given.batches[task].window(7, 7 + count)
        np.testing.assert_array_equal(job.samples.batches.order, window.order)


def test_a_round_of_merging_is_accepted_by_the_same_rule():
    (execution, *_) = schedule(longest=None)
    given = problem(3, transfer="merge")
    run = amto.reallocate(first(3), given)
    run, _ = amto.train(run, given, execution, Quiet())
    record = amto.determine_transfer(run, given, lambda _: None).records[-1]
    np.testing.assert_array_equal(
        record.accepted, record.shadow_losses < record.master_losses
    )
    assert record.accepted.any()


def test_the_average_is_that_of_all_masters_at_the_ends_of_late_rounds():
    class Seeing(Quiet):
        def round_ended(self, run):
            masters.append((run.step, [m.weights[0] for m in run.masters]))
            return super().round_ended(run)

    masters = []
    start = dataclasses.replace(first(3), average_start=5)
    run = amto.optimize(start, problem(3), schedule(epochs=3), Seeing())
    late = [value for step, values in masters if step > 5 for value in values]
    assert len(late) < 3 * len(masters)
    assert run.average.networks == len(late)
    np.testing.assert_allclose(run.average.arrays[0], np.mean(late), rtol=1e-6)


def test_no_average_is_kept_unless_it_is_wanted():
    run, _ = optimized(3)
    assert run.average == amto.EMPTY_MEAN
    start = dataclasses.replace(first(3), average_start=0)
    run = amto.optimize(start, problem(3), schedule(), Quiet())
    assert run.average.networks
    assert amto.begin(run).average == amto.EMPTY_MEAN
    assert amto.begin(run).average_start is None


def test_a_master_that_is_not_finite_counts_in_no_average():
    start = dataclasses.replace(first(3), average_start=0, step=1)
    masters = first(3, [NAN, 1, 3]).masters
    mean = amto.average(start, problem(3), masters)
    assert (mean.networks, mean.arrays[0]) == (2, 2.0)
    all_bad = first(2, [NAN, INF]).masters
    assert amto.average(start, problem(2), all_bad) == start.average
