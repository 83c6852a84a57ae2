"""Algorithm 1 of the paper, as functions over one immutable state.

Zhang, Qin, Pan, Sellis, "A Novel DNN Training Framework via Data Sampling and
Multi-Task Optimization", IJCNN 2020, section III-B. Read `optimize` beside the
paper's Algorithm 1, whose line numbers it bears. The equations are in
`algorithm/`; how networks train is the engine's business.

| paper                        | here                                   |
|------------------------------|----------------------------------------|
| theta_m, theta-bar_m         | `masters[m]`, `shadows[m]`             |
| RL_m                         | `relationships[m]`                     |
| Iter                         | `round`                                |
| D_m^t, D_m^v                 | `Problem.batches`, `.validation_sets`  |
| J(theta | D_m^v)             | `validation_logs[m][i]["loss"]`        |
"""

import abc
import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import EMPTY_MEAN
from keras_amto.algorithm import Patience
from keras_amto.algorithm import Purpose
from keras_amto.algorithm import RunningMean
from keras_amto.algorithm import accepts
from keras_amto.algorithm import comparable_losses
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import draw_donors
from keras_amto.algorithm import initial_patience
from keras_amto.algorithm import initial_relationships
from keras_amto.algorithm import random_stream
from keras_amto.algorithm import update_patience
from keras_amto.algorithm import update_relationships
from keras_amto.engines import Engine
from keras_amto.engines import EvaluationJob
from keras_amto.engines import Logs
from keras_amto.engines import OnProgress
from keras_amto.engines import Replica
from keras_amto.engines import TaskState
from keras_amto.engines import TrainingJob
from keras_amto.engines import add_replicas
from keras_amto.engines import mean_logs
from keras_amto.engines import merge_replicas
from keras_amto.ledger import Record
from keras_amto.schedule import Execution
from keras_amto.tasks import EvaluationSet
from keras_amto.tasks import IndexedData
from keras_amto.tasks import TrainingBatches

FloatArray = npt.NDArray[np.float64]

#: Of how many training batches a merged network's statistics are the means.
STATISTICS_BATCHES = 10


@dataclasses.dataclass(frozen=True, eq=False)
class RunState:
    """All that a run is made of, between any two of its steps.

    Attributes:
        masters: The M replicas theta_m.
        task_states: The M task states: seed generators, and training metrics.
        relationships: Float array of shape `(M, M)`, the lists RL_m.
        patience: Each task's best validation loss, and how long it has waited
            for a better one.
        best: The M replicas of lowest validation loss in this `fit`.
        step: Integer, the training steps that each master has made.
        records: The ledger: one record for each round.
        shadows: The M replicas of the round under way, `None` without any.
        donors: Integer array of shape `(M,)`, the tasks that the shadows come
            from, `None` without shadows.
        donor_probabilities: Float array of shape `(M, M)` from which they were
            drawn, likewise.
        validation_logs: For each task the logs of its master on its validation
            set, followed by those of its shadow where it was evaluated. Empty
            where the networks have trained since.
        losses: Float array of shape `(M,)`, the masters' latest validation
            losses, `None` before the first validation.
        average: The mean of all masters at the ends of the rounds in the last
            part of training, empty before it.
        average_start: Integer, the step after which they count, `None` where
            no average is wanted.
        round_start: The state in which the round under way began, `None`
            between two rounds.
    """

    masters: tuple[Replica, ...]
    task_states: tuple[TaskState, ...]
    relationships: FloatArray
    patience: Patience
    best: tuple[Replica, ...]
    step: int = 0
    records: tuple[Record, ...] = ()
    shadows: tuple[Replica, ...] | None = None
    donors: npt.NDArray[np.int64] | None = None
    donor_probabilities: FloatArray | None = None
    validation_logs: tuple[tuple[Logs, ...], ...] = ()
    losses: FloatArray | None = None
    average: RunningMean = EMPTY_MEAN
    average_start: int | None = None
    round_start: "RunState | None" = None

    @property
    def num_tasks(self) -> int:
        """M."""
        return len(self.masters)

    @property
    def round(self) -> int:
        """The number of rounds that have ended."""
        return len(self.records)

    @property
    def last_round(self) -> "RunState":
        """The state between two rounds: this one, or where its round began."""
        return self.round_start or self

    @property
    def champion(self) -> int | None:
        """The task whose master has the lowest known validation loss.

        Task 0 before the first validation; `None` where all have diverged.
        """
        if self.losses is None:
            return 0
        if not np.isfinite(self.losses).any():
            return None
        return int(np.argmin(comparable_losses(self.losses)))

    def replicas(self, task: int) -> tuple[Replica, ...]:
        """Returns the master of a task, and its shadow where it has one."""
        if self.shadows is None:
            return (self.masters[task],)
        return (self.masters[task], self.shadows[task])

    def with_weights(
        self, values: Mapping[int, Any], in_validation: bool = False
    ) -> "RunState":
        """Returns the state with some weights, by position, in every network.

        The best networks keep theirs once they have been validated. What is
        written as they are validated, they have.
        """

        def changed(replica: Replica) -> Replica:
            weights = list(replica.weights)
            for position, value in values.items():
                weights[position] = value
            return replica._replace(weights=tuple(weights))

        masters = tuple(map(changed, self.masters))
        pairs = zip(masters, self.masters, self.best, strict=True)
        best = self.best
        # Before the first validation they are where training begins.
        if self.losses is None or in_validation:
            best = tuple(new if b is old else b for new, old, b in pairs)
        return dataclasses.replace(
            self.with_masters(masters),
            shadows=self.shadows and tuple(map(changed, self.shadows)),
            best=best,
        )

    def with_masters(self, masters: Sequence[Replica]) -> "RunState":
        """Returns the state with masters in the place of these."""
        kept = zip(masters, self.masters, self.validation_logs, strict=True)
        return dataclasses.replace(
            self,
            masters=tuple(masters),
            validation_logs=tuple(
                logs if new is old else () for new, old, logs in kept
            ),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """What Algorithm 1 is given: M tasks, and the choices the paper leaves.

    Attributes:
        engine: Trains and evaluates networks.
        data: The gross training set, D_train.
        batches: The training batches of each task, D_m^t.
        validation_sets: The validation set of each task, D_m^v.
        seed: Integer, the only source of donors.
        transfer: `"replace"`: a shadow starts from its donor, as in the paper;
            or `"merge"`: from an average.
        selection: `"adaptive"` for equation 4, or `"uniform"`.
        relationship_decay: Float in (0, 1], 1 for equation 6.
        min_delta: Float, by how much a loss has to be lower to be better.
    """

    engine: Engine
    data: IndexedData
    batches: tuple[TrainingBatches, ...]
    validation_sets: tuple[EvaluationSet, ...]
    seed: int
    transfer: str = "replace"
    selection: str = "adaptive"
    relationship_decay: float = 1.0
    min_delta: float = 0.0


class Listener(abc.ABC):
    """Follows a run; in `fit/` it is what calls Keras' callbacks.

    A hook that returns a state may have replaced masters in it.
    """

    @abc.abstractmethod
    def before(self, run: RunState, execution: Execution) -> RunState:
        """Called before an execution, and so before an epoch or a round."""

    @abc.abstractmethod
    def learning_rate(self) -> float | None:
        """Returns the learning rate, `None` where a schedule sets it."""

    @abc.abstractmethod
    def progress(self, done: float) -> None:
        """Called from time to time with the steps done of all tasks."""

    @abc.abstractmethod
    def tick(self, done: float) -> None:
        """Called from time to time while networks are evaluated."""

    @abc.abstractmethod
    def after(
        self, run: RunState, execution: Execution, logs: Logs
    ) -> RunState:
        """Called after the steps of an execution, with their logs."""

    @abc.abstractmethod
    def round_ended(self, run: RunState) -> RunState:
        """Called after transfers were determined."""

    @abc.abstractmethod
    def epoch_ended(self, run: RunState, execution: Execution) -> RunState:
        """Called after an epoch, also one that `stops` cuts short."""

    @abc.abstractmethod
    def stops(self) -> bool:
        """Returns whether somebody asks to stop."""

    @abc.abstractmethod
    def save(self, run: RunState, execution: Execution) -> None:
        """Called where training goes on, to back it up."""


def optimize(
    run: RunState,
    problem: Problem,
    schedule: Iterable[Execution],
    listener: Listener,
) -> RunState:
    """Runs Algorithm 1 from some state to its end.

    Lines 1 to 7, the initialisation, are `initial_run`; line 21, the choice of
    the winner, is `fit/winner.py`.

    Args:
        run: Where to begin, also inside a round.
        problem: The tasks.
        schedule: When rounds and epochs end: MaxIter and c.
        listener: Is told of everything, and stops early.

    Returns:
        The state in which training ended, between two rounds.
    """
    for execution in schedule:  # 9
        run = listener.before(run, execution)
        if execution.starts_round:
            run = reallocate(run, problem)  # 11, 12
        run, logs = train(run, problem, execution, listener)  # 13
        run = listener.after(run, execution, logs)
        if execution.ends_round or listener.stops():
            run = end_round(run, problem, listener)  # 14 to 17
        if execution.ends_epoch or listener.stops():
            run = listener.epoch_ended(run, execution)
        if listener.stops():  # 9, early stopping
            break
        listener.save(run, execution)
    if run.round_start is not None:  # stopped as an epoch ended
        run = end_round(run, problem, listener)
    return run


def initial_run(
    masters: Sequence[Replica], task_states: Sequence[TaskState]
) -> RunState:
    """Returns the state of M tasks that have not trained (lines 1 to 7)."""
    num_tasks = len(masters)
    return begin(
        RunState(
            masters=tuple(masters),
            task_states=tuple(task_states),
            relationships=initial_relationships(num_tasks),
            patience=initial_patience(num_tasks),
            best=(),
        )
    )


def begin(run: RunState) -> RunState:
    """Returns the state from which another `fit` goes on.

    Networks, relationships and the ledger stay. Patience, the best networks,
    the average and what is known of validation sets, which are drawn for each
    `fit`, do not.
    """
    return dataclasses.replace(
        run.last_round,
        patience=initial_patience(run.num_tasks),
        best=run.last_round.masters,
        validation_logs=((),) * run.num_tasks,
        losses=None,
        average=EMPTY_MEAN,
        average_start=None,
    )


def reallocate(run: RunState, problem: Problem) -> RunState:
    """Each shadow starts from a donor's parameters (lines 11 and 12).

    Equations 4 and 5. One task alone has neither donor nor shadow. With
    `transfer="merge"`, not in the paper, it starts from an average.
    """
    if run.num_tasks == 1:
        return dataclasses.replace(run, round_start=run)
    probabilities = donor_probabilities(run.relationships, problem.selection)
    stream = random_stream(problem.seed, Purpose.DONORS, run.round)
    donors = draw_donors(probabilities, stream)
    return dataclasses.replace(
        run,
        round_start=run,
        donors=donors,
        donor_probabilities=probabilities,
        shadows=(
            merged(run, problem, donors)
            if problem.transfer == "merge"
            else tuple(run.masters[donor] for donor in donors)
        ),
    )


def merged(
    run: RunState, problem: Problem, donors: npt.NDArray[np.int64]
) -> tuple[Replica, ...]:
    """Returns shadows that start from the mean of donor and own master.

    Their statistics of batch normalisation are those of the first batches that
    they will train on.
    """
    masters = list(map(problem.engine.on_host, run.masters))
    means = [
        merge_replicas(problem.engine, [masters[donor], masters[task]])
        for task, donor in enumerate(donors)
    ]
    jobs = [
        EvaluationJob(
            task,
            (mean,),
            EvaluationSet(
                problem.data,
                problem.batches[task].window(
                    run.step, run.step + STATISTICS_BATCHES
                ),
                problem.validation_sets[task].seed,
            ),
        )
        for task, mean in enumerate(means)
    ]
    outcomes = problem.engine.estimate_statistics(jobs, lambda _: None)
    return tuple(replica for (replica,) in outcomes)


def train(
    run: RunState, problem: Problem, execution: Execution, listener: Listener
) -> tuple[RunState, Logs]:
    """Masters and shadows make some steps on D_m^t (line 13).

    Returns:
        The state after them, and the training logs, means over the tasks.
    """
    stop = run.step + execution.steps
    jobs = [
        TrainingJob(
            task,
            run.replicas(task),
            run.task_states[task],
            problem.batches[task].window(run.step, stop),
            # With it, while the workers still hold these networks.
            problem.validation_sets[task] if execution.ends_round else None,
        )
        for task in range(run.num_tasks)
    ]
    trained = problem.engine.train(
        jobs, problem.data, listener.learning_rate(), listener.progress
    )
    shadows = [replica for each in trained for replica in each.replicas[1:]]
    run = dataclasses.replace(
        run,
        masters=tuple(each.replicas[0] for each in trained),
        shadows=tuple(shadows) or None,
        task_states=tuple(each.state for each in trained),
        validation_logs=tuple(each.evaluated or () for each in trained),
        step=stop,
    )
    return run, mean_logs([each.logs for each in trained])


def validate(
    run: RunState,
    problem: Problem,
    on_progress: OnProgress,
    with_shadows: bool = False,
) -> RunState:
    """Evaluates what is not known yet of each task on its D_m^v.

    Args:
        run: The state.
        problem: The tasks.
        on_progress: Called from time to time.
        with_shadows: Boolean, whether shadows have to be known, too.

    Returns:
        The state with `validation_logs` and `losses`.
    """
    wanted = [
        run.replicas(task) if with_shadows else (master,)
        for task, master in enumerate(run.masters)
    ]
    jobs = [
        EvaluationJob(task, replicas, problem.validation_sets[task])
        for task, replicas in enumerate(wanted)
        if len(run.validation_logs[task]) < len(replicas)
    ]
    known = list(run.validation_logs)
    outcomes = problem.engine.evaluate(jobs, on_progress) if jobs else []
    for job, logs in zip(jobs, outcomes, strict=True):
        known[job.task] = logs
    return dataclasses.replace(
        run, validation_logs=tuple(known), losses=_losses(known, 0)
    )


def end_round(run: RunState, problem: Problem, listener: Listener) -> RunState:
    """Lines 14 to 17, also for a round that is cut short."""
    run = determine_transfer(run, problem, listener.tick)
    return listener.round_ended(run)


def determine_transfer(
    run: RunState, problem: Problem, on_progress: OnProgress
) -> RunState:
    """Shadows replace masters, relationships move (lines 14 to 17)."""
    run = validate(run, problem, on_progress, with_shadows=True)
    logs = run.validation_logs
    master_losses, shadow_losses = _losses(logs, 0), None
    accepted = np.zeros(run.num_tasks, dtype=bool)
    masters, relationships = run.masters, run.relationships
    if run.shadows is not None and run.donors is not None:
        shadow_losses = _losses(logs, 1)
        accepted = accepts(master_losses, shadow_losses)  # 14
        chosen = list(map(int, accepted))
        tasks = range(run.num_tasks)
        masters = tuple(run.replicas(m)[chosen[m]] for m in tasks)  # 15
        logs = tuple((logs[m][chosen[m]],) for m in tasks)
        relationships = update_relationships(  # 17
            relationships,
            run.donors,
            master_losses,
            shadow_losses,
            problem.relationship_decay,
        )
    losses = _losses(logs, 0)
    patience = update_patience(run.patience, losses, problem.min_delta)
    # Until a task has validated once with a finite loss, its last network is
    # the best there is.
    is_best = patience.improved | np.isinf(patience.best)
    record = Record(
        round=run.round,
        step=run.step,
        donors=run.donors,
        donor_probabilities=run.donor_probabilities,
        master_losses=master_losses,
        shadow_losses=shadow_losses,
        accepted=accepted,
        relationships=relationships,
        wait=patience.wait,
    )
    return dataclasses.replace(
        run,
        masters=masters,
        relationships=relationships,
        patience=patience,
        best=tuple(
            new if better else old
            for new, old, better in zip(masters, run.best, is_best, strict=True)
        ),
        records=(*run.records, record),
        shadows=None,
        donors=None,
        donor_probabilities=None,
        validation_logs=logs,
        losses=losses,
        average=average(run, problem, masters),
        round_start=None,
    )


def average(
    run: RunState, problem: Problem, masters: Sequence[Replica]
) -> RunningMean:
    """Returns the running mean with these masters, where they count."""
    if run.average_start is None or run.step <= run.average_start:
        return run.average
    return add_replicas(problem.engine, run.average, masters)


def _losses(logs: Sequence[tuple[Logs, ...]], index: int) -> FloatArray:
    """The losses of all masters (0) or all shadows (1)."""
    return np.array([of_task[index]["loss"] for of_task in logs])
