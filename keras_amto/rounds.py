"""A round of Algorithm 1, operation by operation.

Zhang, Qin, Pan, Sellis, IJCNN 2020, section III-B-2. The methods of `Rounds`
bear the names of its operations; all numbers come from `algorithm/`, all
training from an engine.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keras_amto.algorithm import Purpose
from keras_amto.algorithm import accepts
from keras_amto.algorithm import comparable_losses
from keras_amto.algorithm import donor_probabilities
from keras_amto.algorithm import draw_donors
from keras_amto.algorithm import initial_patience
from keras_amto.algorithm import random_stream
from keras_amto.algorithm import update_patience
from keras_amto.algorithm import update_relationships
from keras_amto.backup.run_state import RunState
from keras_amto.backup.run_state import Trial
from keras_amto.engines import Engine
from keras_amto.engines import Logs
from keras_amto.engines import OnProgress
from keras_amto.engines import Replica
from keras_amto.engines import TrainingJob
from keras_amto.ledger import Record
from keras_amto.planning import FitPlan
from keras_amto.population import Population
from keras_amto.validation import Validation
from keras_amto.validation import mean_logs


class Rounds:
    """The tasks of one `fit`, and what they do in a round.

    Args:
        plan: What to do.
        engine: Who trains.
        population: Where training starts.
        min_delta: Float, by how much a loss has to be lower to be better.
        on_progress: Called from time to time while evaluating.

    Attributes:
        masters: The M replicas theta_m.
        states: The M task states.
        relationships: Float array of shape `(M, M)`, the lists RL_m.
        step: Integer, the training steps that each master has made.
        round: Integer, the number of rounds so far.
        trial: The shadows of the round under way, `None` without any.
        best: The M replicas of lowest validation loss.
        patience: How long each task has waited for a better one.
        transfers: Integer, the shadows accepted in this epoch.
        validation: What is known of the tasks' validation sets.
    """

    def __init__(
        self,
        plan: FitPlan,
        engine: Engine,
        population: Population,
        min_delta: float,
        on_progress: OnProgress,
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._min_delta = min_delta
        self._tasks = range(len(plan.tasks))
        self._batches = [plan.training_batches(m) for m in self._tasks]
        self.masters = list(population.masters)
        self.states = list(population.states)
        self.relationships = population.relationships
        self.step = population.step
        self.round = population.round
        self.trial: Trial | None = None
        self.best = list(population.masters)
        self.patience = initial_patience(len(self._tasks))
        self.transfers = 0
        self.validation = Validation(
            engine,
            [plan.validation_samples(m) for m in self._tasks],
            on_progress,
        )

    @property
    def population(self) -> Population:
        """The state at this moment."""
        return Population(
            masters=tuple(self.masters),
            states=tuple(self.states),
            relationships=self.relationships,
            step=self.step,
            round=self.round,
        )

    @property
    def champion(self) -> int | None:
        """The task whose master has the lowest known loss.

        Before the first validation that is task 0's; `None` where all masters
        have diverged since.
        """
        losses = self.validation.losses
        if losses is None:
            return 0
        if not np.isfinite(losses).any():
            return None
        return int(np.argmin(comparable_losses(losses)))

    def begin_epoch(self) -> None:
        """Counts and measures anew."""
        self.transfers = 0
        self.states = [self._engine.without_metrics(s) for s in self.states]

    def restore(self, state: RunState) -> None:
        """Goes on where a backup was made, be it inside a round."""
        self.masters = list(state.now.masters)
        self.states = list(state.now.states)
        self.relationships = state.now.relationships
        self.step = state.now.step
        self.round = state.now.round
        self.trial = state.trial
        self.best = list(state.best)
        self.patience = state.patience
        self.validation.losses = state.losses
        self.transfers = state.transfers

    def take(self, masters: Sequence[Replica]) -> None:
        """Goes on with these masters, of which some may have been replaced."""
        for m in self._tasks:
            if masters[m] is not self.masters[m]:
                self.masters[m] = masters[m]
                self.validation.forget(m)

    def reallocate_knowledge(self) -> None:
        """Each shadow starts from a donor's parameters (eq. 4, 5)."""
        if len(self._tasks) == 1:
            return
        settings = self._plan.settings
        probabilities = donor_probabilities(
            self.relationships, settings.selection
        )
        donors = draw_donors(
            probabilities,
            random_stream(settings.seed, Purpose.DONORS, self.round),
        )
        self.trial = Trial(
            probabilities,
            donors,
            tuple(self.masters[donor] for donor in donors),
        )

    def train(
        self,
        steps: int,
        ends_round: bool,
        learning_rate: float | None,
        on_progress: OnProgress,
    ) -> Logs:
        """Masters and shadows make some steps on D_m^t.

        Returns:
            The training logs, means over the tasks.
        """
        sets = self.validation.sets
        jobs = [
            TrainingJob(
                m,
                self._replicas(m),
                self.states[m],
                self._batches[m].window(self.step, self.step + steps),
                # With it, while the workers still hold these replicas.
                sets[m] if ends_round else None,
            )
            for m in self._tasks
        ]
        outcomes = self._engine.train(
            jobs, self._plan.training_data, learning_rate, on_progress
        )
        shadows = []
        for m, trained in enumerate(outcomes):
            self.masters[m], *shadow = trained.replicas
            shadows.extend(shadow)
            self.states[m] = trained.state
            self.validation.forget(m)
            if trained.evaluated is not None:
                self.validation.remember(m, trained.evaluated)
        if self.trial is not None:
            self.trial = dataclasses.replace(self.trial, shadows=tuple(shadows))
        self.step += steps
        return mean_logs([trained.logs for trained in outcomes])

    def _replicas(self, m: int) -> tuple[Replica, ...]:
        if self.trial is None:
            return (self.masters[m],)
        return (self.masters[m], self.trial.shadows[m])

    def determine_transfer(self) -> Record:
        """Shadows replace masters, relationships move (Algorithm 1, 14-17).

        Returns:
            What the ledger holds of the round.
        """
        self.validation.of_replicas([self._replicas(m) for m in self._tasks])
        trial, self.trial = self.trial, None
        master_losses = self.validation.master_losses()
        shadow_losses = None
        accepted = np.zeros(len(self._tasks), dtype=bool)
        if trial is not None:
            shadow_losses = self.validation.shadow_losses()
            accepted = accepts(master_losses, shadow_losses)
            self.relationships = update_relationships(
                self.relationships,
                trial.donors,
                master_losses,
                shadow_losses,
                self._plan.settings.relationship_decay,
            )
            self.masters = [
                trial.shadows[m] if accepted[m] else self.masters[m]
                for m in self._tasks
            ]
        self._remember_best(self.validation.settle(accepted))
        self.transfers += int(accepted.sum())
        self.round += 1
        return Record(
            round=self.round - 1,
            step=self.step,
            donors=None if trial is None else trial.donors,
            donor_probabilities=None if trial is None else trial.probabilities,
            master_losses=master_losses,
            shadow_losses=shadow_losses,
            accepted=accepted,
            relationships=self.relationships,
            wait=self.patience.wait,
        )

    def _remember_best(self, losses: npt.NDArray[np.float64]) -> None:
        self.patience = update_patience(self.patience, losses, self._min_delta)
        for m, improved in enumerate(self.patience.improved):
            # Until a task has validated once with a finite loss, its last
            # network is the best there is.
            if improved or np.isinf(self.patience.best[m]):
                self.best[m] = self.masters[m]
